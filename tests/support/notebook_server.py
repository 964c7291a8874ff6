"""A real notebook server that has loaded the Lab extension's server part."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket
from jupyter_server.auth import IdentityProvider, User
from jupyterhub.singleuser.extension import JupyterHubUser
from tornado.web import RequestHandler

from support.environment import REPOSITORY
from support.overview_service import OverviewService

_EXTENSION = {"ServerApp": {"jpserver_extensions": {"labwerk_lab": True}}}
_TOKENS = {"t0ken": "anna", "t0ken-of-olga": "olga"}

OPERATORS_TOKEN = "t0ken-of-olga"
"""Opens the server of Anna, too."""


class SignedIn(IdentityProvider):
    """Who is there by a token, as the hub says it to a server: the owner, or an operator."""

    async def get_user_token(self, handler: RequestHandler) -> User | None:
        """The person as JupyterHub's own server extension has them; None for a stranger."""
        name = _TOKENS.get(self.get_token(handler) or "")
        return JupyterHubUser({"name": name, "kind": "user"}) if name else None


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class NotebookServer:
    """Where it is, what opens it, and what it has logged."""

    url: str
    token: str
    log: Path

    def get(self, path: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the JSON answer to a GET."""
        return self.ask("GET", path, token=token)

    def ask(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON answer ({} if it is none); with ``token=""`` as nobody."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if method == "GET" else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token if token is None else token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, _json(response.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, _json(refused.read())

    def connect(self, path: str) -> websocket.WebSocket:
        """A websocket, as a browser opens one."""
        return websocket.create_connection(
            self.url.replace("http://", "ws://") + path,
            header=[f"Authorization: token {self.token}"],
            timeout=30,
            suppress_origin=True,
        )


def _json(raw: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(raw))
    except ValueError:
        return {}


def execute(channels: websocket.WebSocket, code: str) -> None:
    """Send code to a kernel, and do not wait for what it says."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": uuid.uuid4().hex,
        "username": "",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    channels.send(json.dumps(message | {"channel": "shell"}))


@contextmanager
def notebook_server(
    folder: Path, service: OverviewService, **environment: str
) -> Iterator[NotebookServer]:
    """A server in ``folder`` whose environment names ``service``, until the end."""
    port = free_port()
    config = folder / "config"
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(json.dumps(_EXTENSION))
    folders = {
        name: str(folder / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME")
    }
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
        *(f"--port={port}", "--ServerApp.port_retries=0", "--ServerApp.base_url=/user/anna/"),
        "--ServerApp.identity_provider_class=support.notebook_server.SignedIn",
        f"--ServerApp.root_dir={folder}",
        # The server then refuses to start if a route of ours forgot to ask who is there.
        "--ServerApp.allow_unauthenticated_access=False",
    ]
    sources = (REPOSITORY / "extensions" / "lab", REPOSITORY / "tests")
    python_path = {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    server = NotebookServer(f"http://127.0.0.1:{port}/user/anna/", "t0ken", folder / "server.log")
    with server.log.open("w") as log:
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                **folders,
                "JUPYTERHUB_USER": "anna",
                "JUPYTER_CONFIG_DIR": str(config),
                **python_path,
                **service.environment(),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                # As the hub looks whether a server is ready: as nobody.
                server.get("api", token="")
                break
            except OSError:
                time.sleep(0.1)
        assert process.poll() is None, server.log.read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)
