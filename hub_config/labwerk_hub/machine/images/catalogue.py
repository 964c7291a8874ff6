"""images.toml: which images there are, what each is for, and what it needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from labwerk_hub.domain.texts import Localized
from labwerk_hub.machine.errors import MachineError

#: "cpu" holds no library that only a GPU can use, "gpu" holds them all.
Variant = Literal["cpu", "gpu"]
#: What an image may be called: it is part of the engine's name for it.
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
VARIANTS: tuple[Variant, ...] = get_args(Variant)


class ImageError(MachineError):
    """images.toml, or a folder it names, cannot be used."""

    code = "image"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Needs(_Model):
    """What a session with an image must have.

    ``cuda`` is the least CUDA version that the GPU's driver must support, and
    ``capabilities`` the parts of the driver that a session sees; NVIDIA's container toolkit
    checks the one and gives the other.
    """

    memory_gib: int = Field(default=1, ge=1)
    cuda: str = Field(default="", pattern=r"^(\d+\.\d+)?$")
    capabilities: tuple[str, ...] = ("compute", "utility")
    #: Whether people's code is compiled in it, so that it holds a C compiler.
    compiler: bool = False


class ImageEntry(_Model):
    """One entry of images.toml."""

    name: str
    title: Localized
    description: Localized
    #: The image's folder, beside images.toml.
    folder: str
    #: The image that this one is laid on; empty for one that begins with Debian.
    base: str = ""
    needs: Needs = Needs()
    #: Which flavours it is made for: "gpu", "cpu" (those without a GPU), or both.
    suits: tuple[Literal["gpu", "cpu"], ...] = ("gpu", "cpu")
    #: Its lock file; "{variant}" in it stands for "cpu" and "gpu" where the two differ.
    lock: str = Field(default="requirements.lock", pattern=r"^[^{}]*(\{variant\})?[^{}]*$")
    #: What is promised of it, as functions that are run inside it.
    tests: str = "promises.py"
    #: Variables that its libraries look at, by name.
    environment: dict[str, str] = {}
    #: What the variant for machines without a GPU does not hold, for people to read.
    without_gpu: Localized | None = None

    @field_validator("name", "folder")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("must be of small letters, digits and hyphens")
        return value

    @property
    def has_variants(self) -> bool:
        """Whether it is another image on machines without a GPU."""
        return "{variant}" in self.lock


class ImageCatalogue(_Model):
    """images.toml: the images in the order in which they are shown."""

    images: tuple[ImageEntry, ...]

    def entry(self, name: str) -> ImageEntry:
        """The image of this name. Raises :class:`ImageError` if there is none."""
        for entry in self.images:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.images)
        raise ImageError(f"images.toml has no image {name!r}; it has {known}.")

    def chain(self, name: str) -> tuple[ImageEntry, ...]:
        """The image and what it is laid on, the lowest first."""
        entry = self.entry(name)
        return (*(self.chain(entry.base) if entry.base else ()), entry)


def images_folder(checkout: Path) -> Path:
    """Where images.toml and the images' folders are."""
    return checkout / "images"


def read_images(checkout: Path) -> ImageCatalogue:
    """Read images.toml, whose images can be built.

    Raises :class:`ImageError` naming the first fault.
    """
    catalogue = read_entries(checkout)
    for entry in catalogue.images:
        folder = images_folder(checkout) / entry.folder
        if (folder / "Dockerfile").is_file():
            continue
        for lock in sorted({entry.lock.format(variant=variant) for variant in VARIANTS}):
            if not (folder / lock).is_file():
                raise ImageError(
                    f"{images_folder(checkout) / 'images.toml'}: image {entry.name!r}: there is "
                    f"no {folder / lock}; `images lock {entry.name}` makes it, or correct the "
                    "folder."
                )
    return catalogue


def read_entries(checkout: Path) -> ImageCatalogue:
    """Read images.toml; an image's lock file need not be there yet.

    Raises :class:`ImageError` naming the first fault.
    """
    file = images_folder(checkout) / "images.toml"
    try:
        catalogue = ImageCatalogue.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImageError(f"{file} cannot be read: {error}.") from None
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise ImageError(f"{file}: {key} = {fault['input']!r}: {fault['msg']}.") from None
    _check(catalogue, file)
    return catalogue


def _check(catalogue: ImageCatalogue, file: Path) -> None:
    names = [entry.name for entry in catalogue.images]
    earlier: set[str] = set()
    for entry in catalogue.images:
        if names.count(entry.name) > 1:
            raise ImageError(f"{file}: two images are named {entry.name!r}; rename one of them.")
        if entry.base and entry.base not in earlier:
            raise ImageError(
                f"{file}: image {entry.name!r}: base = {entry.base!r}: must be an image that "
                "stands above it in the file."
            )
        earlier.add(entry.name)
        if (file.parent / entry.folder / "Dockerfile").is_file() and not entry.base:
            raise ImageError(
                f"{file}: image {entry.name!r}: it has a Dockerfile of its own and no base; name "
                "the image that its FROM ${BASE} stands for."
            )
        below = catalogue.entry(entry.base).folder if entry.base else ""
        if below and (file.parent / below / "Dockerfile").is_file():
            raise ImageError(
                f"{file}: image {entry.name!r}: base = {entry.base!r}: is made by a Dockerfile of "
                "its own, which nothing can be laid on; choose another base."
            )
