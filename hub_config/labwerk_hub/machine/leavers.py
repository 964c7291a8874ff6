"""A person's files when they leave: given out, removed, or kept without their name."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.filesystems import Btrfs, file_system
from labwerk_hub.machine.places import Places, before
from labwerk_hub.services.leavers import FilesKept

#: How a home's files are called in an archive, beside the record.
_HOME = "home"
_RECORD = "record.json"


def files_of(places: Places, person: str, projects: Iterable[str]) -> FilesKept:
    """Where a person's files are; a home that never was made is empty."""
    home = places.homes / person
    return FilesKept(
        home=str(home) if home.is_dir() else "",
        projects=tuple(str(places.projects / name) for name in projects),
    )


def refuse_existing(target: Path) -> None:
    """Raise MachineError if something is there already: it may be another person's record."""
    if os.path.lexists(target):
        raise MachineError(f"{target} is there already; name a file that is not.")


def write_record(target: Path, record: str) -> None:
    """Write a record into a new file that root alone can read. Raises MachineError."""
    with _new(target) as file:
        file.write(record.encode())


def write_archive(target: Path, record: str, home: Path) -> int:
    """Write a zip file with a record and all files of a home; how many files were left out.

    A home that there is not has none.

    Links are left out: they may lead to anybody's files. So is what vanishes meanwhile. No
    path is looked up twice, so that nothing can be put in a file's place in between.
    Raises MachineError.
    """
    left_out = 0
    with (
        _new(target) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        archive.writestr(_RECORD, record)
        for folder, _, names, within in os.fwalk(home) if home.is_dir() else ():
            for name in sorted(names):
                opened = _opened(name, within)
                if opened is None:
                    left_out += 1
                    continue
                with opened:
                    path = Path(_HOME, os.path.relpath(folder, home), name)
                    _add(archive, opened, os.fsencode(path).decode("utf-8", "replace"))
    return left_out


def remove_home(places: Places, person: str) -> bool:
    """Remove a home and its snapshots for good; whether there was one."""
    _remove_snapshots(places, person)
    home = places.homes / person
    if not os.path.lexists(home):
        return False
    if home.is_symlink():
        home.unlink()
    else:
        shutil.rmtree(home)
    return True


def rename_home(places: Places, person: str, erased: str) -> Path | None:
    """Keep a home without its person's name, and remove its snapshots; None without a home."""
    _remove_snapshots(places, person)
    home, kept = places.homes / person, places.homes / erased
    if not home.is_dir():
        return None
    home.rename(kept)
    return kept


def remove_before(places: Places, person: str) -> Path | None:
    """Remove the copy that `storage convert` left of a home; None if there is none."""
    copy = before(places.homes) / person
    if copy.is_symlink() or not copy.is_dir():
        return None
    shutil.rmtree(copy)
    return copy


def _opened(name: str, within: int) -> BinaryIO | None:
    """The file of a name in an open folder; None for a link, a pipe and the like."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        opened = os.open(name, flags, dir_fd=within)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return os.fdopen(opened, "rb")
    os.close(opened)
    return None


def _add(archive: zipfile.ZipFile, opened: BinaryIO, name: str) -> None:
    # Of the file that is open, whatever its name leads to by now.
    there = f"/proc/self/fd/{opened.fileno()}"
    info = zipfile.ZipInfo.from_file(there, name, strict_timestamps=False)
    info.compress_type = archive.compression
    with archive.open(info, "w") as entry:
        shutil.copyfileobj(opened, entry)


def _remove_snapshots(places: Places, person: str) -> None:
    folder = places.snapshots / person
    if not folder.is_dir():
        return
    if file_system(folder) == "btrfs":  # read-only as they are, nothing else could
        for snapshot in folder.iterdir():
            Btrfs(places.snapshots).remove(snapshot)
    shutil.rmtree(folder)


@contextmanager
def _new(target: Path) -> Iterator[BinaryIO]:
    """A new file that root alone can read; removed unless it is written to its end."""
    try:
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise MachineError(f"{target} cannot be written ({error.strerror}).") from None
    try:
        with os.fdopen(opened, "wb") as file:
            yield file
    except BaseException:
        target.unlink(missing_ok=True)
        raise
