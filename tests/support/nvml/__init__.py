"""A stand-in for NVIDIA's driver: its library at the C interface, and the tests' hand in it.

``Driver(folder).build()`` puts a ``libnvidia-ml.so.1`` (see driver.c) into ``folder``, with
the state of the machine it speaks for beside it in ``driver.txt``. Whoever loads it, in
whatever process, sees the boards that :meth:`Driver.boards` put there, and what was cut
from them. A process can load one such library only: the loader knows it by its soname.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import environment
from support.nvml.boards import Board, board_rows

__all__ = ["Board", "Driver", "Instance", "in_process"]

_SOURCE = Path(__file__).with_name("driver.c")
_XID, _ECC = 0x8, 0x2
_WHOLE_GPU = 0xFFFFFFFF
#: Where a row's fields are (see driver.c).
_MIG, _LOST = 4, 5
Row = list[str]


@dataclass(frozen=True)
class Instance:
    """A GPU instance as the driver has it; ``uuid`` is empty while it cannot be computed on."""

    uuid: str
    gpu: str
    profile: str
    start: int
    size: int
    pids: tuple[int, ...] = ()


class Driver:
    """The stand-in driver in ``folder``; every change is seen by who has its library loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def library(self) -> Path:
        """What ``pool.nvml_library`` names."""
        return self.folder / "libnvidia-ml.so.1"

    def build(self) -> Driver:
        """Put the library into the folder, compiled once for all folders; itself."""
        content = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
        built = environment.cache() / "nvml" / content / self.library.name
        if not built.exists():
            built.parent.mkdir(parents=True, exist_ok=True)
            fresh = built.with_name(f"{uuid.uuid4()}.so")
            command = ["cc", "-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
            command += [f"-Wl,-soname,{self.library.name}", "-o", str(fresh), str(_SOURCE)]
            subprocess.run([*command, "-ldl", "-lpthread"], check=True)
            fresh.replace(built)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.library.exists() or self.library.read_bytes() != built.read_bytes():
            fresh = self.library.with_suffix(".new")
            shutil.copy(built, fresh)
            fresh.replace(self.library)  # who has the old one loaded keeps it
        return self

    def boards(self, boards: Sequence[Board | str]) -> list[str]:
        """A machine with these boards (a name of the geometry table: in MIG mode); their UUIDs."""
        wanted = [Board(board) if isinstance(board, str) else board for board in boards]
        with self._changing() as rows:
            generation = next((int(row[3]) for row in rows if row[0] == "driver"), 0)
            rows[:] = [["driver", "580.95.05", "1", str(generation + 1), "0"]]
            for number, board in enumerate(wanted):
                rows += board_rows(number, board)
            found = [row[1] for row in rows if row[0] == "board"]
        for gpu, board in zip(found, wanted, strict=True):
            for placed in board.layout:
                profile, _, start = placed.partition("@")
                self.cut(gpu, profile, int(start))
        return found

    def reboot(self) -> None:
        """Instances, processes and errors are gone; who had the library open must open it anew."""
        with self._changing() as rows:
            rows[:] = [row for row in rows if row[0] in ("driver", "board", "profile")]
            rows[0][2:5] = ["1", str(int(rows[0][3]) + 1), "0"]
            for row in rows:
                if row[0] == "board":
                    row[_LOST] = "0"

    def unload(self) -> None:
        """The driver goes away, as for an upgrade; :meth:`reboot` brings it back."""
        with self._changing() as rows:
            rows[0][2] = "0"

    def slow(self, seconds: float) -> None:
        """Every call takes so long from now on."""
        with self._changing() as rows:
            rows[0][4] = str(round(seconds * 1000))

    def lose(self, gpu: str, *, quietly: bool = False) -> None:
        """The GPU falls off the bus, with XID 79 unless ``quietly``."""
        self._set_board(gpu, _LOST, "1")
        if not quietly:
            self.xid(gpu, 79)

    def heal(self, gpu: str) -> None:
        """The GPU is reset: it answers again, without instances, to who opens the driver anew."""
        self._set_board(gpu, _LOST, "0")
        with self._changing() as rows:
            number = self._number(rows, gpu)
            gone = ("instance", "compute", "whole", "event")
            rows[:] = [row for row in rows if row[0] not in gone or _board_of(row) != number]
            rows[0][3] = str(int(rows[0][3]) + 1)

    def mig(self, gpu: str, on: bool) -> None:
        """What `nvidia-smi -mig` and a reset do."""
        self.heal(gpu)
        self._set_board(gpu, _MIG, str(int(on)))

    def remove_board(self, gpu: str) -> None:
        """The card is taken out; needs a reboot, which this does."""
        with self._changing() as rows:
            gone = self._number(rows, gpu)
            rows[:] = [
                _renumbered(row, gone)
                for row in rows
                if row[:2] != ["board", gpu] and _board_of(row) != gone
            ]
        self.reboot()

    def xid(self, gpu: str, number: int) -> None:
        """The driver reports an XID for the GPU."""
        self._event(gpu, _XID, number)

    def uncorrectable_error(self, gpu: str) -> None:
        """The driver reports a double-bit memory error."""
        self._event(gpu, _ECC, 0)

    def set_processes(self, device: str, pids: Sequence[int], memory_mib: int = 0) -> None:
        """What runs on a MIG device or a GPU that is not cut, and the memory it uses."""
        written = [str(memory_mib), ",".join(map(str, pids)) or "-"]
        with self._changing() as rows:
            if device.startswith("GPU-"):
                number = self._number(rows, device)
                rows[:] = [row for row in rows if row[:2] != ["whole", number]]
                rows.append(["whole", number, *written])
                return
            for row in rows:
                if row[0] == "compute" and row[5] == device:
                    row[6:8] = written
                    return
        raise KeyError(device)

    def fail_next(self, code: int, call: str = "-") -> None:
        """The next call, or the next of this name, fails with an NVML error code."""
        with self._changing() as rows:
            rows[:] = [row for row in rows if row[0] != "fail"]
            rows.append(["fail", str(code), call])

    def cut(self, gpu: str, profile: str, start: int, *, complete: bool = True) -> str:
        """An operator makes an instance by hand; its UUID ("" unless ``complete``)."""
        with self._changing() as rows:
            number = self._number(rows, gpu)
            kind = next(
                row for row in rows if row[:2] == ["profile", number] and row[-1] == profile
            )
            taken = {row[2] for row in rows if row[:2] == ["instance", number]}
            fresh = next(str(free) for free in range(1, 99) if str(free) not in taken)
            rows.append(["instance", number, fresh, kind[3], str(start), kind[5]])
            if not complete:
                return ""
            name = f"MIG-{uuid.uuid4()}"
            rows.append(["compute", number, fresh, "0", kind[4], name, "0", "-"])
            return name

    def uncut(self, gpu: str, profile: str, start: int) -> None:
        """An operator destroys an instance by hand."""
        with self._changing() as rows:
            number = self._number(rows, gpu)
            kinds = _kinds(rows)
            doomed = next(
                row[2]
                for row in rows
                if row[:2] == ["instance", number]
                and (kinds[number, row[3]], int(row[4])) == (profile, start)
            )
            rows[:] = [
                row
                for row in rows
                if row[:3] not in (["instance", number, doomed], ["compute", number, doomed])
            ]

    def instances(self) -> list[Instance]:
        """Every instance on every board."""
        with self._changing() as rows:
            boards = [row[1] for row in rows if row[0] == "board"]
            kinds = _kinds(rows)
            computes = {tuple(row[1:3]): row for row in rows if row[0] == "compute"}
            found = []
            for _, number, name, profile, start, size in (r for r in rows if r[0] == "instance"):
                compute = computes.get((number, name))
                found.append(
                    Instance(
                        uuid=compute[5] if compute else "",
                        gpu=boards[int(number)],
                        profile=kinds[number, profile],
                        start=int(start),
                        size=int(size),
                        pids=_numbers(compute[7]) if compute else (),
                    )
                )
        return sorted(found, key=lambda instance: (instance.gpu, instance.start))

    def _event(self, gpu: str, kind: int, data: int) -> None:
        with self._changing() as rows:
            number = 1 + max((int(row[1]) for row in rows if row[0] == "event"), default=0)
            board = self._number(rows, gpu)
            rows.append(["event", str(number), board, str(kind), str(data), str(_WHOLE_GPU)])

    def _set_board(self, gpu: str, field: int, value: str) -> None:
        with self._changing() as rows:
            next(row for row in rows if row[:2] == ["board", gpu])[field] = value

    @staticmethod
    def _number(rows: list[Row], gpu: str) -> str:
        return str([row[1] for row in rows if row[0] == "board"].index(gpu))

    @contextmanager
    def _changing(self) -> Iterator[list[Row]]:
        """The file's rows, under the library's own lock; written back if they changed."""
        file = self.folder / "driver.txt"
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = file.read_text() if file.exists() else ""
            rows = [_split(line) for line in before.splitlines()]
            yield rows
            after = "".join(" ".join(row) + "\n" for row in rows)
            if after != before:
                fresh = file.with_name("driver.txt.new")
                fresh.write_text(after)
                fresh.replace(file)


@cache
def in_process() -> Driver:
    """The one driver of this process, for tests that load the library themselves.

    Its boards are whatever the latest test has set.
    """
    folder = Path(tempfile.mkdtemp(prefix="labwerk-nvml-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Driver(folder).build()


def _split(line: str) -> Row:
    """The fields of a line; a board's name, the last, may have spaces."""
    return line.split(" ", 10) if line.startswith("board ") else line.split(" ")


def _kinds(rows: list[Row]) -> dict[tuple[str, str], str]:
    """Names of profiles by (board, profile id)."""
    return {(row[1], row[3]): row[-1] for row in rows if row[0] == "profile"}


def _board_of(row: Row) -> str:
    """The number of the board that a row is about; "" if it is about none, or is one."""
    if row[0] in ("driver", "board", "fail"):
        return ""
    return row[2] if row[0] == "event" else row[1]


def _renumbered(row: Row, gone: str) -> Row:
    if row[0] == "event" or not _board_of(row) or int(row[1]) < int(gone):
        return row  # a reboot forgets events
    return [row[0], str(int(row[1]) - 1), *row[2:]]


def _numbers(text: str) -> tuple[int, ...]:
    return () if text == "-" else tuple(map(int, text.split(",")))
