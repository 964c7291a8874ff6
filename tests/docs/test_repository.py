"""What README.md says of the repository is so, and the repository names no registry."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.environment import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
#: Written in pieces, so that this file does not name them either.
REGISTRIES = [
    r"pypi\." + "org",
    "python" + "hosted",
    r"npmjs\." + "(com|org)",
    r"yarnpkg\." + "com",
    r"(deb|security|ftp)\." + r"debian\." + "org",
    r"(ghcr|quay)\." + "io",
    r"docker\." + r"io\/",
]


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name]


def mapped() -> list[tuple[str, str]]:
    """Each (path, remark) of the README's map."""
    block = re.search(r"## Map of the repository\n+```\n(.*?)```", README, re.DOTALL)
    assert block, "README.md has no map of the repository"
    found: list[tuple[str, str]] = []
    parents: list[tuple[int, str]] = []
    for line in block[1].splitlines():
        entry = re.match(r"( *)(\S+) {2,}(.+)", line)
        if entry is None:
            continue
        depth = len(entry[1])
        parents = [parent for parent in parents if parent[0] < depth]
        path = "".join(name for _, name in parents) + entry[2]
        parents.append((depth, entry[2]))
        found.append((path, entry[3]))
    return found


@pytest.mark.parametrize("path", [path for path, _ in mapped()])
def test_everything_on_the_map_exists(path: str) -> None:
    place = REPOSITORY / path
    assert place.is_dir() if path.endswith("/") else place.is_file()


def test_everything_in_the_root_is_on_the_map_or_a_customary_file() -> None:
    on_map = {path.split("/")[0] for path, _ in mapped()}
    customary = {"README.md", "LICENSE", "pyproject.toml", "requirements.lock"}
    customary |= {"requirements-dev.lock"}
    names = {name.split("/")[0] for name in tracked()}
    unexplained = {name for name in names if not name.startswith(".")} - on_map - customary
    assert not unexplained


@pytest.mark.parametrize("package", ["hub_config/labwerk_hub", "tests"])
def test_every_folder_of_ours_is_on_the_map(package: str) -> None:
    folders = {
        name.removeprefix(f"{package}/").split("/")[0]
        for name in tracked()
        if name.startswith(f"{package}/") and name.count("/") > package.count("/") + 1
    }
    explained = " ".join(f"{path} {remark}" for path, remark in mapped())
    helpers = {"support", "data"}
    assert not {folder for folder in folders - helpers if folder not in explained}


def test_the_readmes_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (REPOSITORY / target).exists(), target


def test_no_file_names_a_package_registrys_host() -> None:
    pattern = re.compile("|".join(REGISTRIES), re.IGNORECASE)
    named = []
    for name in tracked():
        content = (REPOSITORY / name).read_bytes() if (REPOSITORY / name).is_file() else b""
        if b"\0" not in content and (found := pattern.search(content.decode(errors="ignore"))):
            named.append(f"{name}: {found[0]}")
    assert named == []


def test_what_ci_runs_is_what_a_person_runs() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line.strip() and line[0] != "#"]
    assert commands[-1].split()[-2:] == ["python3", "tests"]
