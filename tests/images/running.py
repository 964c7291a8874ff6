"""A server of an image under the rules of a session, and a hub for it to ask."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import websocket
from docker import DockerClient
from docker.models.containers import Container
from support.environment import REPOSITORY
from support.kernel import Kernel
from support.overview_service import dataset, overview

#: Nobody's on this machine and in no image.
UID = random.SystemRandom().randrange(200_001, 2_000_000_000)
PERSON = "thr--anna-mueller"
SCOPE = f"access:servers!server={PERSON}/"
#: The datasets of the demo: where each is in a session, and its file.
DATASETS = {
    "iwe/windpark": "windpark_scada_2014_2015.parquet",
    "iwe/lastprofile": "lastprofile_simbench_2016.parquet",
    "thr/beton": "beton_druckfestigkeit.csv",
}
#: Tokens that the hub knows, and what their owners may.
TOKENS = {
    "token-of-the-person": (PERSON, [SCOPE]),
    "token-of-another": ("iwe--mira-conti", ["access:servers!server=iwe--mira-conti/"]),
}


class _Hub(BaseHTTPRequestHandler):
    """Answers as JupyterHub does to what a single-user server asks."""

    def do_GET(self) -> None:
        if self.path.startswith("/services/labwerk/"):
            return self._answer(200, _overview())
        if not self.path.endswith("/user"):
            return self._answer(200, {"version": "6.1.1"})
        token = self.headers.get("Authorization", "").partition(" ")[2]
        if token not in TOKENS:
            return self._answer(403, {"status": 403, "message": "unknown token"})
        name, scopes = TOKENS[token]
        return self._answer(
            200,
            {"kind": "user", "name": name, "admin": False, "groups": [], "scopes": scopes},
        )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(200, {})

    def _answer(self, status: int, content: Mapping[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def _overview() -> dict[str, Any]:
    return overview(
        [dataset(name, name, Path("/data") / name / "1.0", file) for name, file in DATASETS.items()]
    )


def _data_mounts() -> dict[str, dict[str, str]]:
    folder = REPOSITORY / "hub_config" / "datasets"
    return {
        str(folder / file): {"bind": f"/data/{name}/1.0/{file}", "mode": "ro"}
        for name, file in DATASETS.items()
    }


@dataclass(frozen=True)
class Hub:
    """The stub hub's API, and the network from which containers reach it."""

    api: str
    network: str


@contextmanager
def stub_hub(client: DockerClient, *, internal: bool = False) -> Iterator[Hub]:
    """A hub at the gateway of a network of its own, which leads no further if ``internal``."""
    name = f"labwerk-images-{uuid.uuid4().hex[:6]}"
    network = client.networks.create(name, driver="bridge", internal=internal)
    network.reload()
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    server = ThreadingHTTPServer((gateway, 0), _Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Hub(f"http://{gateway}:{server.server_port}/hub/api", str(network.name))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        network.remove()


@dataclass(frozen=True)
class Server:
    """A running server."""

    container: Container
    home: Path

    @property
    def url(self) -> str:
        """Where the person's server is."""
        self.container.reload()
        (network,) = self.container.attrs["NetworkSettings"]["Networks"].values()
        return f"http://{network['IPAddress']}:8888/user/{PERSON}"

    def get(self, path: str, token: str | None = "token-of-the-person") -> httpx.Response:
        """A request with a token of somebody's, or with none."""
        return httpx.get(f"{self.url}{path}", headers=_authorization(token), timeout=30)

    def post(self, path: str, content: Mapping[str, str] | None = None) -> Any:
        """A request of the person's; the answer's JSON."""
        headers = _authorization("token-of-the-person")
        answer = httpx.post(f"{self.url}{path}", headers=headers, json=content, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def delete(self, path: str) -> None:
        """End something of the person's."""
        headers = _authorization("token-of-the-person")
        httpx.delete(f"{self.url}{path}", headers=headers, timeout=60).raise_for_status()

    def run(self, *command: str) -> str:
        """What a command prints in the container; AssertionError unless it exits 0."""
        code, output = self.container.exec_run(list(command))
        assert isinstance(output, bytes)
        text = output.decode(errors="replace")
        assert code == 0, f"{command} exits {code}:\n{text}"
        return text

    def wait(self, seconds: float = 60) -> None:
        """Until it answers; AssertionError with its log if it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/api", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"no answer in {seconds} s:\n{self.container.logs().decode()[-4000:]}")


class TokenKernel(Kernel):
    """A kernel of the person's server, spoken to with the person's token."""

    def __init__(self, server: Server, kernel: str) -> None:
        self._session = uuid.uuid4().hex
        url = f"{server.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
        self._socket = websocket.create_connection(
            f"{url}?session_id={self._session}",
            header=_authorization("token-of-the-person"),
            timeout=300,
            suppress_origin=True,
        )


def run_from_kernel(server: Server, *command: str, seconds: float = 300, **variables: str) -> str:
    """What a command prints that a kernel starts: with all that a session's start has set.

    AssertionError unless it exits 0. ``variables`` are set beside.
    """
    code = f"""
import os, subprocess
done = subprocess.run(
    {list(command)!r}, cwd="/home/lab", env={{**os.environ, **{variables!r}}},
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
)
print(done.returncode, done.stdout, sep="\\n")
"""
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        status, _, said = connection.run(code, seconds).partition("\n")
    server.delete(f"/api/kernels/{kernel}")
    assert status == "0", f"{command} exits {status}:\n{said}"
    return said


def said_in_terminal(server: Server, line: str, until: str, seconds: float = 30) -> str:
    """What a new terminal shows after a line is typed, up to a text that must come."""
    terminal = server.post("/api/terminals")["name"]
    url = f"{server.url.replace('http', 'ws', 1)}/terminals/websocket/{terminal}"
    socket = websocket.create_connection(
        url, header=_authorization("token-of-the-person"), timeout=seconds, suppress_origin=True
    )
    try:
        socket.send(json.dumps(["stdin", line + "\r"]))
        shown = ""
        while until not in shown:
            kind, *content = json.loads(socket.recv())
            if kind == "stdout":
                shown += content[0]
        return shown
    finally:
        socket.close()


@contextmanager
def running(
    client: DockerClient,
    image: str,
    hub: Hub,
    *,
    command: Sequence[str] | None = None,
    language: str = "de_DE.UTF-8",
    home: Path | None = None,
    cpus: float = 1.0,
) -> Iterator[Server]:
    """Start a container as the spawner asks the engine for one, and remove it at the end."""
    folder = home or Path(tempfile.mkdtemp(prefix="labwerk-home-"))
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UID, UID)
    container = client.containers.create(
        image,
        command=list(command) if command else None,
        user=f"{UID}:{UID}",
        read_only=True,
        tmpfs={
            "/tmp": "rw,nosuid,nodev,size=256m,mode=1777",
            "/run": "rw,nosuid,nodev,noexec,size=16m,mode=1777",
        },
        volumes={str(folder): {"bind": "/home/lab", "mode": "rw"}, **_data_mounts()},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=1024,
        mem_limit="3g",
        nano_cpus=int(cpus * 1e9),
        network=hub.network,
        environment=_environment(hub.api, language),
    )
    try:
        container.start()
        server = Server(container, folder)
        server.wait()
        yield server
    finally:
        container.remove(force=True)
        if home is None:
            shutil.rmtree(folder)


def _environment(hub: str, language: str) -> dict[str, str]:
    prefix = f"/user/{PERSON}/"
    return {
        "HOME": "/home/lab",
        "USER": PERSON,
        "LANG": language,
        "LC_ALL": language,
        "LABWERK_ACTIVITY_SECONDS": "60",
        "JUPYTERHUB_DEFAULT_URL": "/lab",
        "LABWERK_SERVICE_URL": hub.replace("/hub/api", "/services/labwerk"),
        "JUPYTERHUB_API_URL": hub,
        "JUPYTERHUB_ACTIVITY_URL": f"{hub}/users/{PERSON}/activity",
        "JUPYTERHUB_API_TOKEN": "token-of-the-server",
        "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{PERSON}",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": json.dumps([SCOPE]),
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE]),
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:8888{prefix}",
        "JUPYTERHUB_USER": PERSON,
    }


def _authorization(token: str | None) -> dict[str, str]:
    return {"Authorization": f"token {token}"} if token else {}
