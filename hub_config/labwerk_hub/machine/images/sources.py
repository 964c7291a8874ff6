"""The sources of a package of ours, apart from what builds and editors leave beside them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

#: Folders that builds make: anywhere, and only at the top of a package.
_MADE = {"node_modules", "__pycache__", "labextension"}
_MADE_AT_THE_TOP = {"lib", "dist", "build", "coverage"}
#: Files that tests write there.
_MADE_FILES = {"junit.xml"}
#: Hidden files that builds read; other hidden names are caches and editors' own.
_HIDDEN = {".yarnrc.yml", ".npmrc"}


def sources_stamp(folder: Path) -> str:
    """A hash of the names and contents of a package's sources; empty folders do not count."""
    digest = hashlib.sha256()
    for file in source_files(folder):
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def source_files(folder: Path) -> Iterator[Path]:
    """The source files, in an order that does not depend on the file system."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not _is_made(name, here == folder))
        for name in sorted(files):
            hidden = name.startswith(".") and name not in _HIDDEN
            made = name in _MADE_FILES or name.endswith((".tsbuildinfo", ".pyc"))
            if not hidden and not made:
                yield here / name


def _is_made(name: str, at_the_top: bool) -> bool:
    return name.startswith(".") or name in _MADE or (at_the_top and name in _MADE_AT_THE_TOP)


def copy_sources(folder: Path, target: Path) -> None:
    """Make ``target`` a folder of the sources alone."""
    shutil.rmtree(target, ignore_errors=True)
    for file in source_files(folder):
        copy = target / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
