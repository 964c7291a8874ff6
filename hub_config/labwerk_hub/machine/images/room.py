"""Whether there is room for images that are to be built, said before hours of building."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labwerk_hub.machine.announce import IMAGE_MIB, require_room
from labwerk_hub.machine.images.building import Workshop
from labwerk_hub.machine.images.catalogue import ImageEntry, Variant
from labwerk_hub.machine.images.engine_build import has_image
from labwerk_hub.machine.images.recipe import recipe
from labwerk_hub.machine.images.sizes import released_mb


def require_room_for(wanted: Iterable[ImageEntry], workshop: Workshop, variant: Variant) -> None:
    """Raise DiskFullError unless the missing ones of these images fit.

    An image takes its size where the engine keeps images, as much again while it is made,
    and about half of it where its wheels are kept; counted with the last release's sizes.
    """
    mib = 0
    for entry in wanted:
        if not has_image(workshop.engine, recipe(entry.name, workshop.checkout, variant).tag):
            known = released_mb(entry, variant, workshop.checkout)
            mib += round(known * 2 / 1.05) if known else IMAGE_MIB
    if mib:
        require_room(Path(workshop.engine.info()["DockerRootDir"]), mib, "building the images")
        require_room(workshop.house.folder, mib // 4, "what images are made of")
