"""Whether there is room for images that are to be built, said before minutes of building."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labwerk_hub.machine.announce import IMAGE_MIB, require_room
from labwerk_hub.machine.images.building import Workshop
from labwerk_hub.machine.images.engine_build import has_image
from labwerk_hub.machine.images.recipe import Recipe
from labwerk_hub.machine.images.sizes import released_mb


def require_room_for(wanted: Sequence[Recipe], workshop: Workshop) -> None:
    """Raise DiskFullError unless the missing ones of these images fit.

    An image takes what it adds to the one below it, by the last release's sizes, where the
    engine keeps images; one at a time is there twice while it is made; and wheels are about
    half as large as what becomes of them.
    """
    missing = {
        part.environment_tag: _added_mib(part)
        for made in wanted
        for part in made.chain
        if not has_image(workshop.engine, part.environment_tag)
    }
    if not missing:
        return
    engines = Path(workshop.engine.info()["DockerRootDir"])
    total = sum(missing.values())
    what, larger = "building these images", "move Docker's data-root to a larger disk"
    require_room(engines, total + max(missing.values()), what, larger)
    require_room(workshop.house.folder, total // 2, what)


def _added_mib(part: Recipe) -> int:
    size = released_mb(part.entry, part.variant, part.checkout)
    below = released_mb(part.base.entry, part.variant, part.checkout) if part.base else 0
    return IMAGE_MIB if size is None else round(max(0, size - (below or 0)) / 1.05)
