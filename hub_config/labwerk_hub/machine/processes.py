"""Processes as the kernel shows them in /proc: whose they are, and how to end ours."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one of the same id by its birth."""

    pid: int
    birth: int
    name: str
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket: the address as in the kernel's table, and its inode."""

    address: str
    port: int
    inode: str


def birth(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None if there is none (or a zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def all_processes() -> Iterator[Process]:
    """Every process whose environment we may read."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        born = birth(int(entry.name))
        try:
            pairs = (entry / "environ").read_bytes().split(b"\0")
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue  # ended meanwhile, or not ours to read
        if born is not None:
            environ = dict(
                pair.decode(errors="replace").partition("=")[::2] for pair in pairs if pair
            )
            yield Process(int(entry.name), born, name, environ)


def end(pid: int, born: int, how: signal.Signals, *, patience_s: float) -> None:
    """End a process, with SIGKILL if it is still there after ``patience_s``."""
    if birth(pid) != born:
        return
    _signal(pid, how)
    deadline = time.monotonic() + patience_s
    while birth(pid) == born and time.monotonic() < deadline:
        _reap(pid)
        time.sleep(0.05)
    if birth(pid) == born:
        _signal(pid, signal.SIGKILL)
        while birth(pid) == born:
            _reap(pid)
            time.sleep(0.02)


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # somebody else's child


def listeners() -> list[Listener]:
    """All listening TCP sockets of this machine, IPv4 and IPv6."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue  # no IPv6 here
        for line in lines:
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            if fields[3] == _LISTEN:
                found.append(Listener(_address(address), int(port, 16), fields[9]))
    return found


def _address(words: str) -> str:
    """The kernel's hexadecimal address as text; anything but IPv4 and "any" as it is."""
    if set(words) == {"0"}:
        return "0.0.0.0"
    if len(words) == 32 and words.startswith("0000000000000000FFFF0000"):
        words = words[24:]
    if len(words) == 8:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(words)))
    return words


def owner(inode: str) -> Process | None:
    """The process that holds a socket; None if we may not see it."""
    wanted = f"socket:[{inode}]"
    for process in all_processes():
        try:
            if any(_link(file) == wanted for file in Path(f"/proc/{process.pid}/fd").iterdir()):
                return process
        except OSError:
            continue  # ended meanwhile
    return None


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
