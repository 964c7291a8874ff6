"""A session's container by the engine alone: what no workbench can be faster than.

The container is made from what the engine says of a real session's: same image, command,
limits, mounts and user. In place of the hub stands a stub that answers what a single-user
server asks when it starts.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import httpx
import jupyterhub

_PORT = 28381
_NETWORK = "labwerk-bare"


class _StubHub(BaseHTTPRequestHandler):
    """The hub's version, and yes to everything else."""

    def do_GET(self) -> None:
        self._answer({"version": jupyterhub.__version__, "name": "bare", "kind": "user"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer({})

    def _answer(self, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", jupyterhub.__version__)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@dataclass(frozen=True)
class Bare:
    """Starts of the one container spec, without a hub."""

    client: docker.APIClient
    #: Made beforehand: what it costs to make is no part of a start.
    http: httpx.Client
    arguments: dict[str, Any]
    prefix: str

    def start(self) -> float:
        """Seconds from asking the engine for the container to its server's first 200."""
        clicked = time.monotonic()
        container = self.client.create_container(**self.arguments)["Id"]
        try:
            self.client.start(container)
            networks = self.client.inspect_container(container)["NetworkSettings"]["Networks"]
            url = f"http://{networks[_NETWORK]['IPAddress']}:8888{self.prefix}api"
            self._wait_for(url, clicked + 120)
            return time.monotonic() - clicked
        finally:
            self.client.remove_container(container, force=True, v=True)

    def _wait_for(self, url: str, deadline: float) -> None:
        while True:
            try:
                if self.http.get(url).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} did not answer")
            time.sleep(0.01)


@contextmanager
def bare_start(client: docker.APIClient, session: str, folder: Path) -> Iterator[Bare]:
    """Take the container spec of ``session``, which runs, and open the stub hub.

    ``folder`` stands in for the session's datasets, which go away with the session.
    """
    seen = client.inspect_container(session)
    network = client.create_network(_NETWORK, driver="bridge")["Id"]
    gateway = client.inspect_network(network)["IPAM"]["Config"][0]["Gateway"]
    environment = dict(variable.split("=", 1) for variable in seen["Config"]["Env"])
    environment["JUPYTERHUB_API_URL"] = f"http://{gateway}:{_PORT}/hub/api"
    environment["JUPYTERHUB_ACTIVITY_URL"] = f"http://{gateway}:{_PORT}/hub/api/activity"
    server = ThreadingHTTPServer((gateway, _PORT), _StubHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        arguments = _arguments(seen, environment, folder)
        with httpx.Client(timeout=5) as http:
            yield Bare(client, http, arguments, environment["JUPYTERHUB_SERVICE_PREFIX"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.remove_network(network)


def _arguments(seen: Mapping[str, Any], environment: dict[str, str], data: Path) -> dict[str, Any]:
    """``create_container``'s arguments for a container like the one that was seen."""
    config, host = seen["Config"], seen["HostConfig"]
    mounts = [
        {"Type": "bind", "Source": str(data), "Target": "/data", "ReadOnly": True}
        if mount["Target"] == "/data"
        else mount
        for mount in host["Mounts"]
    ]
    return {
        "image": config["Image"],
        "command": config["Cmd"],
        "entrypoint": config["Entrypoint"],
        "user": config["User"],
        "working_dir": config["WorkingDir"],
        "environment": environment,
        "ports": [8888],
        # The engine's own words, in its own spelling; only the network is another, and no
        # label says that the container is a session.
        "host_config": {**host, "NetworkMode": _NETWORK, "Mounts": mounts},
    }
