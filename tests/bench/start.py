"""What a server's start costs: CPU seconds until `/api` answers, ours beside a plain image's.

Both arms are containers under a session's own rules (read-only root, no capabilities, a
user id of nobody's, an empty home) with the spawner's environment and a hub to ask, and
each runs the command of its image. They differ in the image alone:

* ours: the base image with everything that is in it, our server extension included;
* plain: `pip install jupyterlab jupyterhub ipywidgets`, and `jupyterhub-singleuser`.

CPU time and not wall time, since it is what a storm of starts is made of, and steadier. It
is the engine's own figure of all that ran in the container since it was started, read as
soon as the server has answered. The arms take turns there and back (AB BA), and a round's
two figures make one ratio. The first round is not counted: it warms the page cache.
"""

from __future__ import annotations

import docker
from images.running import Hub, running, stub_hub
from support.engine import Engine
from support.images import built
from support.plain_image import plain_image

from bench.report import Figure, Machine, Report

ROUNDS = 14
GOALS = {"ratio": 0.45}


def measure() -> Report:
    """Start both servers in turn, and stop each as soon as it has answered."""
    client = Engine().client
    ours, plain = built(client, "base"), plain_image(client)
    with stub_hub(client) as hub:
        measured = [_round(client, hub, ours, plain, number) for number in range(ROUNDS + 1)][1:]
    figures = {
        "cpu_s": Figure.of([cpu for cpu, _ in measured]),
        "plain_cpu_s": Figure.of([plain_cpu for _, plain_cpu in measured]),
        "ratio": Figure.of([cpu / plain_cpu for cpu, plain_cpu in measured]),
    }
    version = client.version()["Version"]
    return Report("start", Machine.this(f"Docker {version}"), figures, GOALS)


def _round(
    client: docker.DockerClient, hub: Hub, ours: str, plain: str, number: int
) -> tuple[float, float]:
    """CPU seconds of one start each; every other round begins with the plain image."""
    order = (plain, ours) if number % 2 else (ours, plain)
    cpu = {image: _cpu_seconds_of_a_start(client, image, hub) for image in order}
    return cpu[ours], cpu[plain]


def _cpu_seconds_of_a_start(client: docker.DockerClient, image: str, hub: Hub) -> float:
    with running(client, image, hub) as server:
        # One shot: for a share of the CPU the engine would wait a second for a second reading.
        said = client.api.stats(str(server.container.id), stream=False, one_shot=True)
    return int(said["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9
