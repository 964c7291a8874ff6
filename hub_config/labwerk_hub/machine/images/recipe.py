"""What one image is made from, and the names that follow from it.

Every name ends in a hash of all that decides the content, so that a name that exists is
always the right one, a changed input becomes a new image, and a build that is interrupted
leaves none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.images.catalogue import (
    ImageEntry,
    ImageError,
    Needs,
    Variant,
    images_folder,
    read_images,
)
from labwerk_hub.machine.images.engine_build import EPOCH, LABEL_LAYER
from labwerk_hub.machine.images.locks import Pin, added
from labwerk_hub.machine.images.rootfs import Rootfs
from labwerk_hub.machine.images.wheelhouse import own_packages, own_stamp

#: What becomes of a container's configuration when it becomes a layer.
LAYER_CHANGES = (
    "ENTRYPOINT []",
    'CMD ["bash"]',
    "ENV PATH=/opt/labwerk/bin:/usr/local/bin:/usr/bin:/bin",
    f"LABEL {LABEL_LAYER}=environment",
)


@dataclass(frozen=True)
class Recipe:
    """An image in one variant, and the recipe of the one that it is laid on."""

    checkout: Path
    entry: ImageEntry
    variant: Variant
    base: Recipe | None

    @property
    def folder(self) -> Path:
        """The image's own folder."""
        return images_folder(self.checkout) / self.entry.folder

    @property
    def lock(self) -> Path:
        """Its lock file; what the image below has, too, is in both and of one version."""
        return self.folder / self.entry.lock.format(variant=self.variant)

    @property
    def own_dockerfile(self) -> Path | None:
        """The institution's own Dockerfile, which makes all that it adds; else None."""
        file = self.folder / "Dockerfile"
        return file if file.is_file() else None

    @property
    def locks(self) -> tuple[Path, ...]:
        """All lock files that its wheels come from."""
        return tuple(part.lock for part in self.chain if part.own_dockerfile is None)

    @property
    def needs(self) -> Needs:
        """What it needs, with what the images below it need."""
        every = [part.entry.needs for part in self.chain]
        return Needs(
            memory_gib=max(needs.memory_gib for needs in every),
            cuda=max((needs.cuda for needs in every), key=_version),
            capabilities=tuple(sorted({name for needs in every for name in needs.capabilities})),
            compiler=any(needs.compiler for needs in every),
        )

    @property
    def for_gpus(self) -> bool:
        """Whether it, or an image below it, is made for flavours with a GPU alone."""
        return any("cpu" not in part.entry.suits for part in self.chain)

    @property
    def dockerfile(self) -> str:
        """How it is built, down to its variables and what it asks of a GPU's driver."""
        file = self.own_dockerfile or images_folder(self.checkout) / "Dockerfile"
        lines = [file.read_text(encoding="utf-8").rstrip("\n")]
        for part in self.chain:
            lines += [f"ENV {k}={_quoted(v)}" for k, v in part.entry.environment.items()]
        lines.append(f"ENV NVIDIA_DRIVER_CAPABILITIES={','.join(self.needs.capabilities)}")
        if self.needs.cuda and self.variant == "gpu":
            lines.append(f"ENV NVIDIA_REQUIRE_CUDA=cuda>={self.needs.cuda}")
        return "\n".join(lines) + "\n"

    @cached_property
    def wheels(self) -> tuple[Pin, ...]:
        """The wheels that it adds."""
        return added(self.lock, tuple(recipe.lock for recipe in self.chain[:-1]))

    @property
    def packages(self) -> tuple[str, ...]:
        """The Debian packages that it adds; those of the lowest image are in its root."""
        file = self.folder / "packages.txt"
        if self.base is None or not file.exists():
            return ()
        lines = file.read_text(encoding="utf-8").splitlines()
        return tuple(line for line in lines if line and not line.startswith("#"))

    @property
    def chain(self) -> tuple[Recipe, ...]:
        """All recipes from the lowest to this one."""
        return (*(self.base.chain if self.base else ()), self)

    @property
    def rootfs(self) -> Rootfs:
        """Debian below all of it."""
        return Rootfs(self.chain[0].folder)

    @cached_property
    def environment_stamp(self) -> str:
        """A hash of Debian and the wheels, but for the versions of Debian's packages."""
        below = self.base.environment_stamp if self.base else self.rootfs.stamp
        script = images_folder(self.checkout) / "environment.sh"
        pins = [pin.text for pin in self.wheels]
        return content_stamp([script], str(EPOCH), below, *LAYER_CHANGES, *self.packages, *pins)

    @property
    def environment_tag(self) -> str:
        """The name of the layer with Debian and the wheels."""
        return f"labwerk/environment:{self.environment_stamp[:12]}"

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folders whose content is laid into it: ``files`` and ``start`` of the chain."""
        folders = [recipe.folder / name for recipe in self.chain for name in ("files", "start")]
        return tuple(folder for folder in folders if folder.is_dir())

    @cached_property
    def tag(self) -> str:
        """The image's full name."""
        described = (self.entry.model_dump_json(), self.dockerfile)
        if self.own_dockerfile is not None and self.base is not None:
            stamp = content_stamp([self.folder], *described, self.base.tag)
        else:
            own = [own_stamp(package, self.checkout) for package in own_packages(self.checkout)]
            stamps = [content_stamp([part]) for part in self.parts]
            script = images_folder(self.checkout) / "inventory.py"
            stamp = content_stamp([script], *described, self.environment_stamp, *stamps, *own)
        return f"labwerk/{self.entry.name}:{stamp[:16]}"


def _version(cuda: str) -> tuple[int, ...]:
    return tuple(int(part) for part in cuda.split(".") if part)


def _quoted(value: str) -> str:
    """A value as a Dockerfile takes it literally."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def recipe(name: str, checkout: Path, variant: Variant) -> Recipe:
    """The recipe of an image. Raises :class:`ImageError` for a fault in images.toml."""
    catalogue = read_images(checkout)
    made: Recipe | None = None
    for entry in catalogue.chain(name):
        folder = images_folder(checkout) / entry.folder
        if not folder.is_dir():
            raise ImageError(
                f"images.toml: image {entry.name!r}: folder = {entry.folder!r}: there is no "
                f"{folder}; correct the folder."
            )
        made = Recipe(checkout, entry, variant, made)
    assert made is not None  # a chain has at least the image itself
    return made
