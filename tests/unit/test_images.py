"""What an image is named after, and what images.toml may say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.machine.images import ImageError, image_tag, read_images
from labwerk_hub.machine.rootfs import Rootfs, source_lines
from support.environment import REPOSITORY

ENTRY = """
[[images]]
name = "base"
folder = "base"
title = { en = "t", de = "t", it = "t", fr = "t" }
description = { en = "d", de = "d", it = "d", fr = "d" }
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout's images and extensions, small and to be changed."""
    base = tmp_path / "images" / "base"
    for file, text in {
        "Dockerfile": "FROM x",
        "environment.Dockerfile": "FROM y",
        "requirements.lock": "a==1",
        "packages.txt": "# the system's\ngit\n\nless\n",
        "locales.txt": "en_US.UTF-8 UTF-8",
        "rootfs-finish.sh": "true",
        "start/__main__.py": "print()",
    }.items():
        (base / file).parent.mkdir(parents=True, exist_ok=True)
        (base / file).write_text(text)
    (tmp_path / "images" / "images.toml").write_text(ENTRY)
    (tmp_path / "images" / "build-requirements.lock").write_text("hatchling==1")
    for name in ("lab", "client"):
        folder = tmp_path / "extensions" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(f"name = '{name}'")
        (folder / "code.py").write_text("1")
    return tmp_path


def test_the_shipped_images_have_texts_in_every_language() -> None:
    for entry in read_images(REPOSITORY).images:
        for language in LANGUAGES:
            assert getattr(entry.title, language)
            assert getattr(entry.description, language)


def test_the_same_content_gets_the_same_name_in_another_place(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.copytree(checkout, copy)
    assert image_tag("base", copy) == image_tag("base", checkout)


@pytest.mark.parametrize(
    "file",
    [
        "images/base/Dockerfile",
        "images/base/environment.Dockerfile",
        "images/base/requirements.lock",
        "images/base/packages.txt",
        "images/base/start/__main__.py",
        "images/build-requirements.lock",
        "extensions/lab/code.py",
        "extensions/client/pyproject.toml",
    ],
)
def test_whatever_it_is_built_from_changes_its_name(checkout: Path, file: str) -> None:
    before = image_tag("base", checkout)
    with (checkout / file).open("a") as stream:
        stream.write("\n# changed")
    assert image_tag("base", checkout) != before


@pytest.mark.parametrize(
    "file",
    [
        "extensions/lab/node_modules/x/index.js",
        "extensions/lab/lib/index.js",
        "extensions/lab/labwerk_lab/labextension/package.json",
        "extensions/lab/tsconfig.tsbuildinfo",
        "extensions/lab/.yarn/state",
        "extensions/client/__pycache__/code.pyc",
        "images/base/start/__pycache__/__main__.pyc",
    ],
)
def test_what_builds_leave_behind_does_not_change_its_name(checkout: Path, file: str) -> None:
    before = image_tag("base", checkout)
    (checkout / file).parent.mkdir(parents=True, exist_ok=True)
    (checkout / file).write_text("made")
    assert image_tag("base", checkout) == before


def test_a_file_moved_within_a_package_changes_its_name(checkout: Path) -> None:
    before = image_tag("base", checkout)
    folder = checkout / "extensions" / "client" / "inner"
    folder.mkdir()
    (checkout / "extensions" / "client" / "code.py").rename(folder / "code.py")
    assert image_tag("base", checkout) != before


def test_comments_are_no_packages(checkout: Path) -> None:
    assert Rootfs(checkout / "images" / "base").packages == ("git", "less")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('name = "base"', 'name = "Base image"', "images.0.name = 'Base image'"),
        ('folder = "base"', 'folder = "../other"', "images.0.folder = '../other'"),
        ('folder = "base"', 'colour = "red"', "images.0.folder"),
        ('de = "t", ', "", "images.0.title.de"),
        ("[[images]]", "[[images]", "cannot be read"),
    ],
)
def test_a_fault_in_the_file_is_named(
    checkout: Path, written: str, instead: str, said: str
) -> None:
    file = checkout / "images" / "images.toml"
    file.write_text(ENTRY.replace(written, instead, 1))
    with pytest.raises(ImageError) as refused:
        read_images(checkout)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)


def test_two_images_of_one_name_are_refused(checkout: Path) -> None:
    (checkout / "images" / "images.toml").write_text(ENTRY + ENTRY)
    with pytest.raises(ImageError, match="two images are named 'base'"):
        read_images(checkout)


def test_an_image_without_a_folder_is_refused(checkout: Path) -> None:
    (checkout / "images" / "images.toml").write_text(ENTRY.replace('"base"\nt', '"gone"\nt'))
    with pytest.raises(ImageError, match="no Dockerfile; correct the folder"):
        image_tag("base", checkout)


def test_an_image_that_is_not_listed_is_refused_with_those_that_are(checkout: Path) -> None:
    with pytest.raises(ImageError, match="no image 'torch'; it has base"):
        image_tag("torch", checkout)


def test_only_debians_own_sources_of_the_release_are_taken_and_no_disc() -> None:
    listed = """\
Debian|main|bookworm-security|http://one.example/debian-security/|bookworm-security
Debian|main|bookworm|cdrom://[Debian 12]/|bookworm
Debian|main|bookworm|http://one.example/debian/|bookworm
Debian|contrib|bookworm|http://one.example/debian/|bookworm
Debian|main|trixie|http://one.example/debian/|trixie
Docker|stable|bookworm|https://two.example/debian/|bookworm
"""
    assert source_lines(listed) == [
        "deb http://one.example/debian/ bookworm main",
        "deb http://one.example/debian-security/ bookworm-security main",
    ]
