"""How large images are, and how large they were in the last release."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from labwerk_hub.machine.images.catalogue import ImageEntry, Variant, images_folder


@dataclass(frozen=True)
class Size:
    """An image's size in MB (10^6 bytes), and that of the last release's, if it had one."""

    mb: int
    released_mb: int | None

    @property
    def growth(self) -> float | None:
        """How much larger it is, as a share of the last release's."""
        return None if not self.released_mb else self.mb / self.released_mb - 1

    def __str__(self) -> str:
        told = f"{self.mb / 1000:.2f} GB"
        if self.growth is None:
            return f"{told}, new since the last release"
        return f"{told}, {self.growth * 100:+.0f} % on the last release"


def released_mb(entry: ImageEntry, variant: Variant, checkout: Path) -> int | None:
    """The size in sizes.toml, which every release writes anew; None for a new image."""
    file = images_folder(checkout) / "sizes.toml"
    sizes: Mapping[str, int] = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    return sizes.get(f"{entry.name}-{variant}" if entry.has_variants else entry.name)


def size_of(
    engine: docker.DockerClient, tag: str, entry: ImageEntry, variant: Variant, checkout: Path
) -> Size:
    """The size of an image that the engine has."""
    mb = round(engine.images.get(tag).attrs["Size"] / 1e6)
    return Size(mb, released_mb(entry, variant, checkout))
