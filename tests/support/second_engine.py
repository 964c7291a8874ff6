"""An engine that has nothing: another machine's, as far as images are concerned."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker import DockerClient

from support import engine_api

_BRIDGE = "lw-second"
_ADDRESS = "10.214.240.1/24"


@contextmanager
def second_engine(data: Path) -> Iterator[DockerClient]:
    """Start an engine with its data in ``data``, in the tests' own network, and end it."""
    with tempfile.TemporaryDirectory(prefix="labwerk-engine-") as folder:
        run = Path(folder)
        socket = run / "docker.sock"
        # Without a bridge of its own it would delete the other engine's.
        subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], check=True)
        subprocess.run(["ip", "address", "add", _ADDRESS, "dev", _BRIDGE], check=True)
        command = [
            *("dockerd", f"--bridge={_BRIDGE}", f"--data-root={data}", f"--exec-root={run}/exec"),
            *(f"--pidfile={run}/docker.pid", f"--host=unix://{socket}"),
            *("--containerd-namespace=labwerk-second", "--containerd-plugins-namespace=labwerk-2p"),
        ]
        with (run / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 60
            while not engine_api.answers(socket):
                assert process.poll() is None, (run / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "the second engine does not answer"
                time.sleep(0.1)
            client = docker.DockerClient(base_url=f"unix://{socket}", timeout=600)
            yield client
            engine_api.empty(socket)
            client.close()
        finally:
            process.terminate()
            process.wait(timeout=60)
            subprocess.run(["umount", "--quiet", str(data)], check=False)
            subprocess.run(["ip", "link", "delete", _BRIDGE], check=True)
