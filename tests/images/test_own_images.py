"""An institution's own image: a folder and an entry, or a plain Dockerfile on one of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from images.running import Hub, running
from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.images.building import Workshop, ensure_image
from labwerk_hub.machine.images.catalogue import ImageError
from labwerk_hub.machine.images.draft import draft
from labwerk_hub.machine.images.recipe import recipe
from support.engine import Engine
from support.environment import REPOSITORY
from support.images import VARIANT, built, workshop

ENTRY = """
[[images]]
name = "cfd"
folder = "cfd"
base = "base"
title = { en = "CFD", de = "CFD", it = "CFD", fr = "CFD" }
description = { en = "Ours", de = "Unseres", it = "Nostra", fr = "La nôtre" }
"""


@pytest.fixture
def own(engine: Engine, tmp_path: Path) -> Workshop:
    """A workshop whose checkout is this one, and may get images beside ours."""
    built(engine.client, "base")
    (tmp_path / "extensions").symlink_to(REPOSITORY / "extensions")
    (tmp_path / "images").mkdir()
    for part in (REPOSITORY / "images").iterdir():
        if part.name != "images.toml":
            (tmp_path / "images" / part.name).symlink_to(part)
    toml = (REPOSITORY / "images" / "images.toml").read_text()
    (tmp_path / "images" / "images.toml").write_text(toml)
    return replace(workshop(engine.client), checkout=tmp_path)


def test_a_drafted_image_is_built_on_its_base_and_starts(
    engine: Engine, hub: Hub, own: Workshop
) -> None:
    folder = draft("cfd", "base", own.checkout)
    (folder / "files" / "opt" / "cfd").mkdir(parents=True)
    (folder / "files" / "opt" / "cfd" / "case").write_text("cavity")
    tag = ensure_image("cfd", own, VARIANT)
    with running(engine.client, tag, hub) as server:
        assert server.run("cat", "/opt/cfd/case") == "cavity"
        assert server.get("/api/status").status_code == 200
    base = engine.client.images.get(built(engine.client, "base")).attrs["RootFS"]["Layers"]
    ours = engine.client.images.get(tag).attrs["RootFS"]["Layers"]
    assert len([layer for layer in ours if layer in base]) >= 2


def test_a_plain_dockerfile_on_one_of_ours_is_built_and_starts(
    engine: Engine, hub: Hub, own: Workshop
) -> None:
    folder = own.checkout / "images" / "cfd"
    folder.mkdir()
    (folder / "case").write_text("cavity")
    (folder / "Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nCOPY case /opt/cfd/case\nRUN test -x /opt/labwerk/bin/python\n"
    )
    with (own.checkout / "images" / "images.toml").open("a") as stream:
        stream.write(ENTRY)
    tag = ensure_image("cfd", own, VARIANT)
    with running(engine.client, tag, hub) as server:
        assert server.run("cat", "/opt/cfd/case") == "cavity"
    labels = engine.client.images.get(tag).labels
    assert labels["labwerk.image"] == "cfd"
    assert labels["labwerk.pip-check"] == "not done"
    (folder / "case").write_text("step")
    assert recipe("cfd", own.checkout, VARIANT).tag != tag


def test_nothing_is_laid_on_an_image_that_a_dockerfile_made(own: Workshop) -> None:
    folder = own.checkout / "images" / "cfd"
    folder.mkdir()
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    with (own.checkout / "images" / "images.toml").open("a") as stream:
        stream.write(
            ENTRY + ENTRY.replace('"cfd"', '"more"').replace('base = "base"', 'base = "cfd"')
        )
    with pytest.raises(ImageError, match="base = 'cfd': is made by a Dockerfile"):
        recipe("more", own.checkout, VARIANT)


def test_packages_that_cannot_be_installed_are_named(own: Workshop) -> None:
    folder = draft("cfd", "base", own.checkout)
    (folder / "requirements.lock").write_text(
        "no-such-package-of-ours==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    )
    with pytest.raises(InstallError, match=r"could not be fetched .*no-such-package-of-ours"):
        ensure_image("cfd", own, VARIANT)
