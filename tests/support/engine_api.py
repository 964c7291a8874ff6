"""The few calls to an engine's socket that are needed before docker-py is; standard library."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(path: Path) -> bool:
    """Whether an engine answers at the socket ``path``."""
    try:
        return _call(path, "GET", "/_ping") == b"OK"
    except OSError:
        return False


def empty(path: Path) -> list[str]:
    """Remove every container and network of the engine, and name the containers.

    Images stay.
    """
    containers = json.loads(_call(path, "GET", "/containers/json?all=1"))
    for container in containers:
        _call(path, "DELETE", f"/containers/{container['Id']}?force=1&v=1")
    _call(path, "POST", "/networks/prune")
    return [f"container {container['Names'][0]}" for container in containers]


def _call(path: Path, method: str, url: str) -> bytes:
    connection = _Connection(path)
    try:
        connection.request(method, url)
        return connection.getresponse().read()
    finally:
        connection.close()
