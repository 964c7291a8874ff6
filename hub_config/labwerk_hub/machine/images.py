"""The images that people choose from: what they are, and building those that are missing.

An image is named after a hash of everything it is built from (:func:`image_tag`), so that
a tag that exists is always the right one, and a build that is interrupted leaves none.
What was fetched stays in ``<state>/cache`` and is not fetched again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import docker
from docker.errors import DockerException
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from requests.exceptions import RequestException

from labwerk_hub.adapters.built_images import BuiltImage, BuiltImages
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine.engine_build import build, context_of, has_image
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.python_layer import PythonLayer, ensure_python_layer
from labwerk_hub.machine.wheelhouse import ensure_own_wheel, own_packages, own_stamp

#: Which of Labwerk's images an image is.
LABEL_IMAGE = "labwerk.image"


class ImageError(MachineError):
    """images.toml, or a folder it names, cannot be used."""

    code = "image"


class ImageEntry(BaseModel):
    """One entry of images.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: Localized
    description: Localized
    #: The image's folder, beside images.toml.
    folder: str

    @field_validator("name", "folder")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not value.replace("-", "").isalnum() or value != value.lower():
            raise ValueError("must be of small letters, digits and hyphens")
        return value


class ImageCatalogue(BaseModel):
    """images.toml: the images in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[ImageEntry, ...]

    def entry(self, name: str) -> ImageEntry:
        """The image of this name. Raises :class:`ImageError` if there is none."""
        for entry in self.images:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.images)
        raise ImageError(f"images.toml has no image {name!r}; it has {known}.")


def read_images(checkout: Path) -> ImageCatalogue:
    """Read images.toml. Raises :class:`ImageError` naming the first fault."""
    file = checkout / "images" / "images.toml"
    try:
        catalogue = ImageCatalogue.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImageError(f"{file} cannot be read: {error}.") from None
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise ImageError(f"{file}: {key} = {fault['input']!r}: {fault['msg']}.") from None
    names = [entry.name for entry in catalogue.images]
    for name in names:
        if names.count(name) > 1:
            raise ImageError(f"{file}: two images are named {name!r}; rename one of them.")
    return catalogue


def image_tag(name: str, checkout: Path) -> str:
    """The image's full name: a pure function of the content of all it is built from."""
    entry = read_images(checkout).entry(name)
    folder = checkout / "images" / entry.folder
    if not (folder / "Dockerfile").is_file():
        raise ImageError(
            f"images.toml: image {name!r} names the folder {entry.folder!r}, and {folder} has no "
            "Dockerfile; correct the folder."
        )
    own = [own_stamp(package, checkout) for package in own_packages(checkout)]
    stamp = content_stamp([folder], entry.model_dump_json(), PythonLayer(folder).stamp, *own)
    return f"labwerk/{name}:{stamp[:16]}"


def ensure_images(
    checkout: Path,
    engine: docker.DockerClient,
    places: Places,
    log: Log,
    note: Callable[[str], None],
) -> BuiltImages:
    """Build every image that is missing, and write down for hub and service which there are."""
    built = BuiltImages(
        images=tuple(
            BuiltImage(
                name=entry.name,
                title=entry.title,
                description=entry.description,
                tag=ensure_image(entry.name, checkout, engine, places, log, note),
            )
            for entry in read_images(checkout).images
        )
    )
    built.write(places.state)
    return built


def ensure_image(
    name: str,
    checkout: Path,
    engine: docker.DockerClient,
    places: Places,
    log: Log,
    note: Callable[[str], None],
) -> str:
    """The image's tag; it is built first if the engine does not have it.

    ``note`` is told what begins, a few words at a time; all output goes to ``log``. Raises
    :class:`ImageError` for a fault in images.toml, :class:`InstallError` if something
    cannot be fetched or built, :class:`EngineUnreachableError`.
    """
    tag = image_tag(name, checkout)
    try:
        if has_image(engine, tag):
            return tag
    except (DockerException, RequestException) as error:
        raise EngineUnreachableError(
            f"The Docker engine does not answer ({error}); start it, then run `up` again."
        ) from None
    entry = read_images(checkout).entry(name)
    folder = checkout / "images" / entry.folder
    own = [
        ensure_own_wheel(package, checkout, places, log, note) for package in own_packages(checkout)
    ]
    environment = ensure_python_layer(PythonLayer(folder), engine, places, log, note)
    files = {name: folder / name for name in ("start", "files")}
    note(f"build the image {tag}")
    build(
        engine,
        context_of(
            {**files, **{f"own/{wheel.name}": wheel for wheel in own}},
            (folder / "Dockerfile").read_text(encoding="utf-8"),
        ),
        tag,
        log=log,
        arguments={"ENVIRONMENT": environment},
        labels=_labels(entry, tag),
        offline=True,
    )
    return tag


def _labels(entry: ImageEntry, tag: str) -> dict[str, str]:
    return {
        LABEL_IMAGE: entry.name,
        "org.opencontainers.image.title": entry.title.en,
        "org.opencontainers.image.description": entry.description.en,
        "org.opencontainers.image.version": tag.partition(":")[2],
        "org.opencontainers.image.licenses": "BSD-3-Clause",
    }
