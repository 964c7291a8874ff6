"""Two builds of one commit contain the same, and what was fetched once need not be again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def forgotten(engine: Engine, name: str, *, below: bool = False) -> Iterator[list[str]]:
    """An image as it was, line by line, while the engine knows it by its old names no more."""
    wanted = recipe(name, REPOSITORY, VARIANT)
    before = content_lines(engine.client, wanted.tag)
    kept: dict[str, str] = {}
    for tag in [wanted.tag, wanted.environment_tag] + ([wanted.rootfs.tag] if below else []):
        if has_image(engine.client, tag):
            kept[tag] = f"labwerk-tests/first:{tag.replace('/', '-').replace(':', '-')}"
            engine.client.images.get(tag).tag(*kept[tag].split(":"))
            engine.client.images.remove(tag)
    try:
        yield before
    finally:
        # The first one stays, for a server of it may run; the second one goes.
        for tag, name_meanwhile in kept.items():
            engine.client.images.get(name_meanwhile).tag(*tag.split(":"))
            engine.client.images.remove(name_meanwhile)
        engine.client.images.prune(filters={"dangling": True})


def differences(first: list[str], second: list[str]) -> set[str]:
    return set(first) ^ set(second)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_a_second_build_gives_the_same_and_needs_no_network(engine: Engine, name: str) -> None:
    built(engine.client, name)
    offline = workshop(engine.client, Wheelhouse(places().cache, offline=True))
    with forgotten(engine, name) as first:
        tag = ensure_image(name, offline, VARIANT)
        assert differences(first, content_lines(engine.client, tag)) == set()


def from_nothing(engine: Engine, folder: Path) -> list[str]:
    """The base image, line by line, made from Debian's packages as they are today."""
    house = Wheelhouse(folder)
    house.folder.mkdir()
    # The wheels of others are checked by their hashes: they may come from where they are.
    (house.folder / "wheels").symlink_to(places().cache / "wheels")
    with forgotten(engine, "base", below=True):
        tag = ensure_image("base", workshop(engine.client, house), VARIANT)
        return content_lines(engine.client, tag)


def debian_of(content: list[str]) -> str:
    """dpkg's own list of an image's packages and their versions, as a line of its content."""
    return next(line for line in content if line.startswith("var/lib/dpkg/status f"))


def test_a_build_from_nothing_gives_the_same(engine: Engine, tmp_path: Path) -> None:
    first = content_lines(engine.client, built(engine.client, "base"))
    second = from_nothing(engine, tmp_path / "second")
    if debian_of(first) != debian_of(second):
        # Debian has published updates since the first one was built, which may be long ago;
        # what is promised is the same content from the same packages.
        first, second = second, from_nothing(engine, tmp_path / "third")
    assert differences(first, second) == set()


def test_offline_says_what_is_missing(engine: Engine, tmp_path: Path) -> None:
    built(engine.client, "base")
    empty = workshop(engine.client, Wheelhouse(tmp_path, offline=True))
    with (
        forgotten(engine, "base", below=True),
        pytest.raises(InstallError, match=r"lacks the .* and --offline forbids to fetch"),
    ):
        ensure_image("base", empty, VARIANT)
