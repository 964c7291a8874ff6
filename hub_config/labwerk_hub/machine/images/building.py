"""Build the images that are missing, and write down which there are.

What was fetched stays in ``<state>/cache`` and is not fetched again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from labwerk_hub.adapters.built_images import BuiltImage, BuiltImages
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.audit import audit
from labwerk_hub.machine.images.bom import BOM, bill_of_materials, inventory
from labwerk_hub.machine.images.catalogue import ImageEntry, Variant, images_folder, read_images
from labwerk_hub.machine.images.engine_build import (
    EPOCH,
    LABEL_BUILD,
    Files,
    build,
    context_of,
    has_image,
)
from labwerk_hub.machine.images.layer import ensure_environment_layer
from labwerk_hub.machine.images.recipe import Recipe, recipe
from labwerk_hub.machine.images.wheelhouse import (
    Wheelhouse,
    ensure_build_environment,
    ensure_own_wheel,
    own_packages,
)
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places

#: Which of Labwerk's images an image is, and in which variant.
LABEL_IMAGE = "labwerk.image"
LABEL_VARIANT = "labwerk.variant"
#: What an audit against known advisories said when it was built.
LABEL_AUDIT = "labwerk.audit"


@dataclass(frozen=True)
class Workshop:
    """Where and with what images are made; ``note`` is told what begins, in a few words."""

    checkout: Path
    engine: docker.DockerClient
    places: Places
    house: Wheelhouse
    log: Log
    note: Callable[[str], None]

    @classmethod
    def of(
        cls,
        checkout: Path,
        engine: docker.DockerClient,
        places: Places,
        log: Log,
        note: Callable[[str], None],
    ) -> Workshop:
        """The workshop of an installation, which may fetch what it lacks."""
        return cls(checkout, engine, places, Wheelhouse(places.cache), log, note)


def ensure_images(workshop: Workshop, names: tuple[str, ...], variant: Variant) -> BuiltImages:
    """Build those of ``names`` that are missing; write down which images there are now."""
    for name in names:
        ensure_image(name, workshop, variant)
    return write_down(workshop, variant)


def write_down(workshop: Workshop, variant: Variant) -> BuiltImages:
    """Write down for hub and service which images the engine has, and return that.

    Where it has an image in the other variant alone, that one counts.
    """
    built = BuiltImages(
        images=tuple(
            _built(entry, workshop, variant) for entry in read_images(workshop.checkout).images
        )
    )
    built.write(workshop.places.state)
    return built


def _built(entry: ImageEntry, workshop: Workshop, variant: Variant) -> BuiltImage:
    here, found = None, variant
    other: Variant = "cpu" if variant == "gpu" else "gpu"
    for wanted in (other, variant):
        tag = recipe(entry.name, workshop.checkout, wanted).tag
        if has_image(workshop.engine, tag):
            here, found = tag, wanted
    return BuiltImage(
        name=entry.name,
        title=entry.title,
        description=entry.description,
        tag=here,
        lacks=entry.without_gpu if found == "cpu" else None,
        memory_gib=entry.needs.memory_gib,
        for_gpus="cpu" not in entry.suits,
    )


def ensure_image(name: str, workshop: Workshop, variant: Variant) -> str:
    """The image's tag; it is built first if the engine does not have it.

    All output goes to the log. Raises :class:`ImageError` for a fault in images.toml,
    :class:`InstallError` if something cannot be fetched or built,
    :class:`EngineUnreachableError`.
    """
    wanted = recipe(name, workshop.checkout, variant)
    try:
        if has_image(workshop.engine, wanted.tag):
            return wanted.tag
    except (DockerException, RequestException) as error:
        raise EngineUnreachableError(
            f"The Docker engine does not answer ({error}); start it, then run `up` again."
        ) from None
    if wanted.dockerfile is not None:
        return _build_from_dockerfile(wanted, wanted.dockerfile, workshop, variant)
    checkout, places, log, note = (
        workshop.checkout, workshop.places, workshop.log, workshop.note,
    )  # fmt: skip
    own = tuple(
        ensure_own_wheel(package, checkout, places, workshop.house, log, note)
        for package in own_packages(checkout)
    )
    environment = ensure_environment_layer(wanted, workshop.engine, workshop.house, log, note)
    note(f"build the image {wanted.tag}")
    with tempfile.TemporaryDirectory(prefix="labwerk-bom-") as folder:
        held = inventory(wanted, workshop.engine)
        write_whole(Path(folder) / Path(BOM).name, bill_of_materials(wanted, held, own))
        build(
            workshop.engine,
            context_of(_context(wanted, own, Path(folder)), _dockerfile(wanted)),
            wanted.tag,
            log=log,
            arguments={"ENVIRONMENT": environment, "BUILD": LABEL_BUILD, "TIME": str(EPOCH)},
            labels=_labels(wanted, _audited(wanted, workshop)),
            offline=True,
        )
    return wanted.tag


def _build_from_dockerfile(
    wanted: Recipe, dockerfile: Path, workshop: Workshop, variant: Variant
) -> str:
    """Build an institution's own Dockerfile on the image that it names as its base.

    It is the one build whose steps reach the network, since it may fetch what it likes.
    """
    below = ensure_image(wanted.entry.base, workshop, variant)
    workshop.note(f"build the image {wanted.tag} from {dockerfile}")
    files = {part.name: part for part in wanted.folder.iterdir() if part != dockerfile}
    build(
        workshop.engine,
        context_of(files, dockerfile.read_text(encoding="utf-8")),
        wanted.tag,
        log=workshop.log,
        arguments={"BASE": below},
        labels=_labels(wanted, "not done, it is made by a Dockerfile of its own"),
        offline=workshop.house.offline,
    )
    return wanted.tag


def _context(wanted: Recipe, own: tuple[Path, ...], bom: Path) -> Files:
    files: dict[str, Path | tuple[Path, ...]] = {f"own/{wheel.name}": wheel for wheel in own}
    files["bom"] = bom
    for name in ("files", "start"):
        files[name] = tuple(part for part in wanted.parts if part.name == name)
    return files


def _dockerfile(wanted: Recipe) -> str:
    """The Dockerfile, the variables of the chain, and what is asked of a GPU's driver."""
    text = (images_folder(wanted.checkout) / "Dockerfile").read_text(encoding="utf-8")
    needs = wanted.entry.needs
    for part in wanted.chain:
        for name, value in part.entry.environment.items():
            text += f"ENV {name}={json.dumps(value)}\n"
    text += f"ENV NVIDIA_DRIVER_CAPABILITIES={','.join(needs.capabilities)}\n"
    if needs.cuda and wanted.variant == "gpu":
        text += f"ENV NVIDIA_REQUIRE_CUDA=cuda>={needs.cuda}\n"
    return text


def _audited(wanted: Recipe, workshop: Workshop) -> str:
    if workshop.house.offline:
        return "not done, the image was built offline"
    tools = ensure_build_environment(workshop.checkout, workshop.places, workshop.log)
    return audit([part.lock for part in wanted.chain], tools, workshop.log).sentence


def _labels(wanted: Recipe, audited: str) -> dict[str, str]:
    """What an image says of itself; of what its own Dockerfile added nothing is known."""
    entry, ours = wanted.entry, wanted.dockerfile is None
    return {
        LABEL_IMAGE: entry.name,
        LABEL_VARIANT: wanted.variant if entry.has_variants else "",
        LABEL_AUDIT: audited,
        "labwerk.bom": BOM if ours else "",
        "labwerk.pip-check": "passed" if ours else "not done",
        "org.opencontainers.image.title": entry.title.en,
        "org.opencontainers.image.description": entry.description.en,
        "org.opencontainers.image.version": wanted.tag.partition(":")[2],
        "org.opencontainers.image.licenses": "BSD-3-Clause" if ours else "",
        "org.opencontainers.image.vendor": "Labwerk" if ours else "",
    }
