"""Build the images that are missing, and write down which there are.

What was fetched stays in ``<state>/cache`` and is not fetched again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from labwerk_hub.adapters.built_images import BuiltImage, BuiltImages
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.audit import audit
from labwerk_hub.machine.images.bom import BOM, bill_of_materials, inventory
from labwerk_hub.machine.images.catalogue import ImageEntry, Variant, read_images
from labwerk_hub.machine.images.engine_build import (
    EPOCH,
    LABEL_BUILD,
    Files,
    build,
    context_of,
    has_image,
    remove_left_overs,
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
    before = BuiltImages.read(workshop.places.state)
    built = BuiltImages(
        images=tuple(
            _built(entry, workshop, variant, before)
            for entry in read_images(workshop.checkout).images
        )
    )
    built.write(workshop.places.state)
    return built


def _built(
    entry: ImageEntry, workshop: Workshop, variant: Variant, before: BuiltImages
) -> BuiltImage:
    """The image as it is here: of this checkout, else as it was built before.

    An upgrade takes nothing away: until an image is built anew, the old one is offered.
    """
    other: Variant = "cpu" if variant == "gpu" else "gpu"
    wanted = recipe(entry.name, workshop.checkout, variant)
    for made in (wanted, recipe(entry.name, workshop.checkout, other)):
        if has_image(workshop.engine, made.tag):
            return _offered(made, made.tag, entry.without_gpu if made.variant == "cpu" else None)
    for image in before.images:
        if image.name == entry.name and image.tag and has_image(workshop.engine, image.tag):
            return _offered(wanted, image.tag, image.lacks)
    return _offered(wanted, None, None)


def _offered(made: Recipe, tag: str | None, lacks: Localized | None) -> BuiltImage:
    return BuiltImage(
        name=made.entry.name,
        title=made.entry.title,
        description=made.entry.description,
        tag=tag,
        lacks=lacks,
        memory_gib=made.needs.memory_gib,
        for_gpus=made.for_gpus,
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
        remove_left_overs(workshop.engine)
    except (DockerException, RequestException) as error:
        raise EngineUnreachableError(
            f"The Docker engine does not answer ({error}); start it, then run `up` again."
        ) from None
    if wanted.own_dockerfile is not None:
        return _build_from_dockerfile(wanted, wanted.own_dockerfile, workshop, variant)
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
            context_of(_context(wanted, own, Path(folder)), wanted.dockerfile),
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
        context_of(files, wanted.dockerfile),
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


def _audited(wanted: Recipe, workshop: Workshop) -> str:
    if workshop.house.offline:
        return "not done, the image was built offline"
    tools = ensure_build_environment(workshop.checkout, workshop.places, workshop.log)
    return audit(wanted.locks, tools, workshop.log).sentence


def _labels(wanted: Recipe, audited: str) -> dict[str, str]:
    """What an image says of itself; of what its own Dockerfile added nothing is known."""
    entry, ours = wanted.entry, wanted.own_dockerfile is None
    return {
        LABEL_IMAGE: entry.name,
        LABEL_VARIANT: wanted.variant if entry.has_variants else "",
        LABEL_AUDIT: audited,
        "labwerk.bom": BOM if ours else "",
        "labwerk.pip-check": "passed" if ours else "not done",
        "org.opencontainers.image.title": entry.title.en,
        "org.opencontainers.image.description": entry.description.en,
        "org.opencontainers.image.version": wanted.tag.partition(":")[2],
        "org.opencontainers.image.vendor": "Labwerk" if ours else "",
    }
