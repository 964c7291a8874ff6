"""Another machine, made of a network namespace: a place that sessions may or may not reach.

It has two addresses and answers HTTP on both: one like any server of the outside, and the
address at which clouds serve their machines' metadata. Packets to them are forwarded, as
they would be to a real one, and never leave this machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from support.waiting import eventually

METADATA = "169.254.169.254"
#: From the range for documentation (RFC 5737), so nobody's.
OUTSIDE = "198.51.100.7"
_NEAR, _FAR = "198.51.100.1", OUTSIDE
PORT = 80


@contextmanager
def far_host(folder: Path) -> Iterator[None]:
    """While it is open, the two addresses answer."""
    namespace = folder / "far"
    namespace.touch()
    _run("unshare", f"--net={namespace}", "true")
    try:
        _run("ip", "link", "add", "lw-near", "type", "veth", "peer", "name", "lw-far")
        _run("ip", "link", "set", "lw-far", "netns", str(namespace))
        _run("ip", "addr", "add", f"{_NEAR}/24", "dev", "lw-near")
        _run("ip", "link", "set", "lw-near", "up")
        _run("ip", "route", "add", f"{METADATA}/32", "via", _FAR)
        inside = ("nsenter", f"--net={namespace}")
        _run(*inside, "ip", "addr", "add", f"{_FAR}/24", "dev", "lw-far")
        _run(*inside, "ip", "addr", "add", f"{METADATA}/32", "dev", "lw-far")
        _run(*inside, "ip", "link", "set", "lw-far", "up")
        _run(*inside, "ip", "route", "add", "default", "via", _NEAR)
        with _serving(inside, folder):
            yield
    finally:
        _run("umount", str(namespace))
        namespace.unlink()


@contextmanager
def _serving(inside: tuple[str, ...], folder: Path) -> Iterator[None]:
    served = folder / "served"
    served.mkdir(exist_ok=True)
    command = [*inside, sys.executable, "-m", "http.server", str(PORT), "--directory", str(served)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for address in (OUTSIDE, METADATA):
            eventually(partial(reached, address), 20, f"an answer of {address}")
        yield
    finally:
        server.terminate()
        server.wait()


def reached(address: str, port: int = PORT) -> bool:
    """Whether this side gets an answer: the control for what a session must not get."""
    try:
        return httpx.get(f"http://{address}:{port}/", timeout=2).status_code > 0
    except httpx.HTTPError:
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
