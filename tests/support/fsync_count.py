"""How often a process has the disk keep something, and for how long each call takes.

``fsync_count.c`` is preloaded into the processes that are to be watched: their calls of
fsync and its kin are written into a file that survives them.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support import environment

_SOURCE = Path(__file__).with_name("fsync_count.c")
#: As in fsync_count.c: the head, and a row.
_HEAD = struct.Struct("=QQ")
_ROW = struct.Struct("=QQIIII96s")
_CALLS = ("fsync", "fdatasync", "sync_file_range", "msync", "syncfs")


@dataclass(frozen=True)
class Sync:
    """One call: when it began (``time.monotonic_ns``), how long it took, and for which file."""

    began_ns: int
    took_ns: int
    pid: int
    thread: int
    call: str
    file: str


class Syncs:
    """The record of all calls of processes that run with :attr:`variables`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def begin(cls, file: Path, room: int = 100_000) -> Syncs:
        """An empty record in ``file``, with room for so many calls."""
        with file.open("wb") as made:
            made.write(_HEAD.pack(0, room))
            made.truncate(_HEAD.size + room * _ROW.size)
        return cls(file)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment that makes a process write its calls down."""
        return {"LD_PRELOAD": str(library()), "LABWERK_TESTS_FSYNCS": str(self._file)}

    @property
    def count(self) -> int:
        """How many there were until now."""
        with self._file.open("rb") as file:
            count, room = _HEAD.unpack(file.read(_HEAD.size))
        assert count <= room, f"{count} calls, but room for {room}"
        return int(count)

    def since(self, count: int = 0) -> list[Sync]:
        """Those from the ``count``-th on, in the order they were finished."""
        there = self.count
        with self._file.open("rb") as file:
            file.seek(_HEAD.size + count * _ROW.size)
            rows = file.read((there - count) * _ROW.size)
        return [
            Sync(began, took, pid, thread, _CALLS[call], name.rstrip(b"\0").decode())
            for began, took, pid, thread, call, _, name in _ROW.iter_unpack(rows)
            if began
        ]


def library() -> Path:
    """The shared library, compiled once."""
    content = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    built = environment.cache() / "fsync_count" / f"{content}.so"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        fresh = built.with_name(f"{uuid.uuid4()}.so")
        command = ["cc", "-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([*command, "-o", str(fresh), str(_SOURCE), "-ldl"], check=True)
        fresh.replace(built)
    return built
