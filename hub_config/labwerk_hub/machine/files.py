"""Files written whole or not at all, and stamps of what a folder contains.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a crash, sees the old or the new text, never half."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


def point_link(link: Path, target: Path) -> None:
    """Let a symbolic link lead to ``target``, in one step."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def read_stamp(path: Path) -> str:
    """The text of a stamp, empty if it was never written."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def content_stamp(paths: Iterable[Path], *extra: str) -> str:
    """A hash of the names and contents of files and folders, in any order given.

    Byte code and hidden files do not count: they change without the sources changing.
    """
    digest = hashlib.sha256()
    for text in extra:
        digest.update(text.encode() + b"\0")
    for root in sorted(paths):
        for file in sorted(_files(root)):
            digest.update(str(file.relative_to(root.parent)).encode() + b"\0")
            digest.update(_content(file))
    return digest.hexdigest()


def _content(file: Path) -> bytes:
    """A file's hash and whether it can be run; a link that leads nowhere counts as its text."""
    if not file.exists():
        return str(file.readlink()).encode()
    runs = b"x" if file.stat().st_mode & 0o100 else b"-"
    return hashlib.sha256(file.read_bytes()).digest() + runs


def _files(root: Path) -> Iterable[Path]:
    if root.is_file():
        return [root]
    return (
        file
        for file in root.rglob("*")
        if (file.is_file() or (file.is_symlink() and not file.exists()))
        and not any(
            part in ("__pycache__", "node_modules") or part.startswith(".")
            for part in file.relative_to(root).parts
        )
    )


def replace_folder(fresh: Path, final: Path) -> None:
    """Put a finished folder in the place of an older one.

    A crash between the two moves leaves no folder at ``final``, which the next `up`
    builds again; never a mixture of the two.
    """
    if final.exists():
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
        fresh.replace(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        fresh.replace(final)


def open_to_all(path: Path) -> bool:
    """Whether every user of the machine can read a file or enter a folder, by its modes."""
    real = path.resolve()
    wanted = 0o005 if real.is_dir() else 0o004
    return real.stat().st_mode & wanted == wanted and all(
        parent.stat().st_mode & 0o001 for parent in real.parents
    )
