"""Two builds of one commit contain the same, and what was fetched once need not be again."""

from __future__ import annotations

from pathlib import Path

import pytest
from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.images.building import ensure_image
from labwerk_hub.machine.images.contents import content_lines
from labwerk_hub.machine.images.engine_build import has_image
from labwerk_hub.machine.images.recipe import recipe
from labwerk_hub.machine.images.wheelhouse import Wheelhouse
from support.engine import Engine
from support.environment import REPOSITORY
from support.images import NAMES, VARIANT, built, places, workshop


def forget(engine: Engine, name: str, *, below: bool = False) -> list[str]:
    """Take an image's names away; what was in it, by its lines, from the image as it was."""
    wanted = recipe(name, REPOSITORY, VARIANT)
    before = content_lines(engine.client, wanted.tag)
    tags = [wanted.tag, wanted.environment_tag] + ([wanted.rootfs.tag] if below else [])
    for tag in tags:
        if has_image(engine.client, tag):
            engine.client.images.get(tag).tag(
                "labwerk-tests/first", tag.replace("/", "-").replace(":", "-")
            )
            engine.client.images.remove(tag)
    return before


def differences(first: list[str], second: list[str]) -> set[str]:
    return set(first) ^ set(second)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_a_second_build_gives_the_same_and_needs_no_network(engine: Engine, name: str) -> None:
    built(engine.client, name)
    first = forget(engine, name)
    offline = workshop(engine.client, Wheelhouse(places().cache, offline=True))
    tag = ensure_image(name, offline, VARIANT)
    assert differences(first, content_lines(engine.client, tag)) == set()


def test_a_build_from_nothing_gives_the_same(engine: Engine, tmp_path: Path) -> None:
    built(engine.client, "base")
    first = forget(engine, "base", below=True)
    house = Wheelhouse(tmp_path / "house")
    house.folder.mkdir()
    # The wheels of others are checked by their hashes: they may come from where they are.
    (house.folder / "wheels").symlink_to(places().cache / "wheels")
    tag = ensure_image("base", workshop(engine.client, house), VARIANT)
    assert differences(first, content_lines(engine.client, tag)) == set()


def test_offline_says_what_is_missing(engine: Engine, tmp_path: Path) -> None:
    forget(engine, "base", below=True)
    try:
        empty = workshop(engine.client, Wheelhouse(tmp_path, offline=True))
        with pytest.raises(InstallError, match=r"lacks the .* and --offline forbids to fetch"):
            ensure_image("base", empty, VARIANT)
    finally:
        built(engine.client, "base")
