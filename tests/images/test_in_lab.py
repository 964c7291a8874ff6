"""What images show in Lab beside notebooks is reached through the person's own server."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
from images.running import Hub, Server, TokenKernel, run_from_kernel, running
from support.engine import Engine
from support.images import built


def _until_it_answers(server: Server, path: str, seconds: float = 90) -> httpx.Response:
    deadline = time.monotonic() + seconds
    while True:
        answer = server.get(path)
        if answer.status_code == 200 or time.monotonic() > deadline:
            return answer
        time.sleep(0.5)


def test_tensorboard_shows_what_was_logged_and_nobody_else_gets_to_it(
    engine: Engine, hub: Hub, tmp_path: Path
) -> None:
    with running(engine.client, built(engine.client, "pytorch"), hub, home=tmp_path) as server:
        log = """
from torch.utils.tensorboard import SummaryWriter
with SummaryWriter("/home/lab/runs/one") as writer:
    writer.add_scalar("loss", 0.5, 1)
"""
        run_from_kernel(server, "python", "-c", log)
        (entry,) = [
            info
            for info in server.get("/server-proxy/servers-info").json()["server_processes"]
            if info["name"] == "tensorboard"
        ]
        assert entry["launcher_entry"]["title"] == "TensorBoard"
        assert "TensorBoard" in _until_it_answers(server, "/tensorboard/").text
        assert _until_it_answers(server, "/tensorboard/data/runs").json() == ["one"]
        assert server.get("/tensorboard/", token="token-of-another").status_code == 403


def test_a_picture_that_one_can_turn_is_served(engine: Engine, hub: Hub, tmp_path: Path) -> None:
    with running(
        engine.client, built(engine.client, "simulation"), hub, home=tmp_path, cpus=2
    ) as server:
        kernel = server.post("/api/kernels")["id"]
        show = """
import pyvista
plotter = pyvista.Plotter()
plotter.add_mesh(pyvista.Sphere())
shown = plotter.show(jupyter_backend="trame", return_viewer=True)
print(shown.value if hasattr(shown, "value") else shown.src)
"""
        with TokenKernel(server, kernel) as connection:
            said = connection.run(show)
            place = said[said.index("/proxy/") :].split('"')[0].split("'")[0].split("&")[0]
            assert _until_it_answers(server, place).status_code == 200
            assert server.get(place, token="token-of-another").status_code == 403
