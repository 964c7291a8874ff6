"""What an image is named after, and what images.toml may say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.machine.images.catalogue import VARIANTS, ImageError, Variant, read_images
from labwerk_hub.machine.images.draft import draft
from labwerk_hub.machine.images.locks import added
from labwerk_hub.machine.images.recipe import recipe
from labwerk_hub.machine.images.rootfs import Rootfs, source_lines
from support.environment import REPOSITORY

ENTRY = """
[[images]]
name = "base"
folder = "base"
title = { en = "t", de = "t", it = "t", fr = "t" }
description = { en = "d", de = "d", it = "d", fr = "d" }
"""
TORCH = """
[[images]]
name = "torch"
folder = "torch"
base = "base"
lock = "requirements-{variant}.lock"
title = { en = "t", de = "t", it = "t", fr = "t" }
description = { en = "d", de = "d", it = "d", fr = "d" }
"""


def image_tag(name: str, checkout: Path) -> str:
    return recipe(name, checkout, "cpu").tag


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout's images and extensions, small and to be changed."""
    images = tmp_path / "images"
    for file, text in {
        "images.toml": ENTRY + TORCH,
        "build-requirements.lock": "hatchling==1",
        "Dockerfile": "FROM x",
        "environment.sh": "true",
        "inventory.py": "print()",
        "base/requirements.lock": "a==1 \\\n    --hash=sha256:1\n    # via b\nb==1",
        "base/packages.txt": "# the system's\ngit\n\nless\n",
        "base/locales.txt": "en_US.UTF-8 UTF-8",
        "base/rootfs-finish.sh": "true",
        "base/start/__main__.py": "print()",
        "torch/requirements-cpu.lock": "# made\na==1\nTorch==2+cpu",
        "torch/requirements-gpu.lock": "torch==2\nnvidia-x==1",
        "torch/packages.txt": "g++",
        "torch/files/etc/x": "y",
    }.items():
        (images / file).parent.mkdir(parents=True, exist_ok=True)
        (images / file).write_text(text)
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
        assert (entry.without_gpu is not None) == entry.has_variants


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_shipped_images_agree_with_those_they_are_laid_on(variant: Variant) -> None:
    for entry in read_images(REPOSITORY).images:
        assert recipe(entry.name, REPOSITORY, variant).wheels


def test_an_image_adds_what_the_one_below_lacks(checkout: Path) -> None:
    wanted = recipe("torch", checkout, "cpu")
    assert [(pin.name, pin.version) for pin in wanted.wheels] == [("torch", "2+cpu")]
    assert wanted.packages == ("g++",)


def test_a_package_in_two_versions_is_refused(checkout: Path) -> None:
    lock = checkout / "images" / "torch" / "requirements-cpu.lock"
    lock.write_text("a==2")
    with pytest.raises(ImageError, match=r"a = 2: .*base/requirements.lock below it has 1"):
        assert recipe("torch", checkout, "cpu").wheels


def test_a_lock_without_versions_is_refused(checkout: Path) -> None:
    lock = checkout / "images" / "torch" / "requirements-cpu.lock"
    lock.write_text("torch>=2\n")
    with pytest.raises(ImageError, match="'torch>=2': must be name==version"):
        added(lock)


def test_an_image_needs_what_those_below_it_need(checkout: Path) -> None:
    file = checkout / "images" / "images.toml"
    base = 'needs = { memory_gib = 3, cuda = "12.0", capabilities = ["graphics"] }\nsuits = ["gpu"]'
    torch = 'needs = { cuda = "9.2", compiler = true }'
    file.write_text(f"{ENTRY}{base}\n{TORCH}{torch}\n")
    wanted = recipe("torch", checkout, "gpu")
    assert wanted.needs.memory_gib == 3
    assert wanted.needs.cuda == "12.0"
    assert wanted.needs.capabilities == ("compute", "graphics", "utility")
    assert wanted.needs.compiler
    assert wanted.for_gpus
    assert "ENV NVIDIA_REQUIRE_CUDA=cuda>=12.0" in wanted.dockerfile
    assert "NVIDIA_REQUIRE_CUDA" not in recipe("torch", checkout, "cpu").dockerfile


def test_variables_are_taken_literally_and_by_what_is_laid_above(checkout: Path) -> None:
    before = image_tag("torch", checkout)
    file = checkout / "images" / "images.toml"
    variable = """environment = { PLACE = 'Größe "$HOME"' }"""
    file.write_text(f"{ENTRY}{variable}\n{TORCH}")
    assert r'''ENV PLACE="Größe \"\$HOME\""''' in recipe("torch", checkout, "cpu").dockerfile
    assert image_tag("torch", checkout) != before


@pytest.mark.parametrize("change", ["mode", "link"])
def test_what_is_laid_into_it_counts_with_modes_and_links(checkout: Path, change: str) -> None:
    before = image_tag("torch", checkout)
    file = checkout / "images" / "torch" / "files" / "etc" / "x"
    if change == "mode":
        file.chmod(0o755)
    else:
        file.with_name("y").symlink_to("/nowhere")
    assert image_tag("torch", checkout) != before


def test_its_variants_are_two_images(checkout: Path) -> None:
    assert recipe("torch", checkout, "cpu").tag != recipe("torch", checkout, "gpu").tag


def test_an_image_without_variants_is_the_same_everywhere(checkout: Path) -> None:
    assert recipe("base", checkout, "cpu").tag == recipe("base", checkout, "gpu").tag


def test_the_same_content_gets_the_same_name_in_another_place(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.copytree(checkout, copy)
    assert image_tag("base", copy) == image_tag("base", checkout)


@pytest.mark.parametrize(
    "file",
    [
        "images/Dockerfile",
        "images/environment.sh",
        "images/inventory.py",
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
        stream.write("\nchanged==1")
    assert image_tag("base", checkout) != before


@pytest.mark.parametrize(
    "file", ["base/requirements.lock", "base/start/__main__.py", "torch/packages.txt"]
)
def test_what_lies_below_or_beside_changes_its_name_too(checkout: Path, file: str) -> None:
    before = image_tag("torch", checkout)
    with (checkout / "images" / file).open("a") as stream:
        stream.write("\nchanged==1")
    assert image_tag("torch", checkout) != before


def test_what_is_promised_of_it_does_not_change_its_name(checkout: Path) -> None:
    before = image_tag("base", checkout)
    (checkout / "images" / "base" / "promises.py").write_text("def test_more(): ...")
    assert image_tag("base", checkout) == before


@pytest.mark.parametrize(
    "file",
    [
        "extensions/lab/node_modules/x/index.js",
        "extensions/lab/lib/index.js",
        "extensions/lab/labwerk_lab/labextension/package.json",
        "extensions/lab/tsconfig.tsbuildinfo",
        "extensions/lab/junit.xml",
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
        ('folder = "base"', 'folder = "gone"', "there is no"),
        ('folder = "base"', 'folder = "base"\nbase = "other"', "base = 'other': must be an image"),
        ('folder = "base"', 'folder = "base"\nsuits = ["tpu"]', "images.0.suits.0 = 'tpu'"),
        ('folder = "base"', 'folder = "base"\nneeds = { cuda = "new" }', "images.0.needs.cuda"),
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


def test_an_image_that_is_not_listed_is_refused_with_those_that_are(checkout: Path) -> None:
    with pytest.raises(ImageError, match="no image 'gone'; it has base, torch"):
        image_tag("gone", checkout)


def test_a_draft_is_a_folder_and_an_entry_that_can_be_read(checkout: Path) -> None:
    folder = draft("cfd", "torch", checkout)
    entry = read_images(checkout).entry("cfd")
    assert entry.base == "torch"
    assert recipe("cfd", checkout, "cpu").wheels == ()
    compile((folder / "promises.py").read_text(), "promises.py", "exec")


@pytest.mark.parametrize(
    ("name", "base", "said"),
    [
        ("torch", "base", "named 'torch' already"),
        ("Größe", "base", "use small letters"),
        ("cfd", "gone", "no image 'gone'"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_and_leaves_nothing(
    checkout: Path, name: str, base: str, said: str
) -> None:
    before = (checkout / "images" / "images.toml").read_text()
    with pytest.raises(ImageError, match=said):
        draft(name, base, checkout)
    assert (checkout / "images" / "images.toml").read_text() == before
    assert not (checkout / "images" / "cfd").exists()


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
