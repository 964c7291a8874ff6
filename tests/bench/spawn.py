"""How long from the click on start to the Lab, beside stock and beside the bare container.

Three arms, interleaved there and back (ABC CBA) in one run on one engine:

* ours: a demo person starts a flavour without a GPU and follows the pending page;
* stock: JupyterHub and DockerSpawner as they come, with the same packages' plain image;
* bare: our session's own container by the engine alone, until its server answers.

The first round of each is not counted: it warms the page cache for all three alike.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import httpx
from support.engine import Engine
from support.install import Install, fresh_state, installed
from support.person import Person
from support.plain_image import plain_image
from support.referee import Referee
from support.settings import DEVICES, PUBLIC_URL, settings_text

from bench.bare import bare_start
from bench.browser import seconds_to_shell
from bench.report import Figure, Machine, Report
from bench.stock import StockPerson, stock_hub

ROUNDS = 8
BROWSER_ROUNDS = 3
FLAVOUR = "cpu"
GOALS = {"ratio_to_stock": 0.5, "ratio_to_bare": 1.5}


@dataclass
class Measured:
    """Seconds of each round, by arm; a round's place is the same in all lists."""

    ours: list[float] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    browser: list[float] = field(default_factory=list)


def measure() -> Report:
    """Bring up both workbenches, measure, and take them down again."""
    engine = Engine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        install = stack.enter_context(_installed(folder))
        proxy = next(install.state.glob("node/**/.bin/configurable-http-proxy"))
        image = plain_image(engine.client)
        url = stack.enter_context(stock_hub(folder, image, _gateway(engine.client), proxy))
        stock = stack.enter_context(StockPerson(url))
        stock.sign_in("ada")
        ours = stack.enter_context(install.person("anna"))
        ours.sign_in()
        measured = _rounds(engine, ours, stock, folder)
        measured.browser += [
            seconds_to_shell(install.url, "luca", FLAVOUR) for _ in range(BROWSER_ROUNDS)
        ]
    version = engine.client.version()["Version"]
    return Report("spawn", Machine.this(f"Docker {version}"), _figures(measured), GOALS)


def _figures(measured: Measured) -> dict[str, Figure]:
    to_stock = [a / b for a, b in zip(measured.ours, measured.stock, strict=True)]
    to_bare = [a / b for a, b in zip(measured.ours, measured.bare, strict=True)]
    return {
        "click_to_lab_s": Figure.of(measured.ours),
        "stock_click_to_lab_s": Figure.of(measured.stock),
        "bare_start_s": Figure.of(measured.bare),
        "ratio_to_stock": Figure.of(to_stock),
        "ratio_to_bare": Figure.of(to_bare),
        "readiness_late_p95_s": Figure.of_p95(measured.late),
        "browser_s": Figure.of(measured.browser),
    }


def _rounds(engine: Engine, ours: Person, stock: StockPerson, folder: Path) -> Measured:
    measured = Measured()
    with ExitStack() as stack:
        ours.start(FLAVOUR)
        session = str(engine.session_of(ours.name).id)
        bare = stack.enter_context(bare_start(engine.client.api, session, folder))
        ours.stop()
        http = stack.enter_context(httpx.Client(timeout=2))

        def start_ours() -> None:
            with _first_answer(engine, http, ours) as answered:
                started = ours.start(FLAVOUR)
            ours.stop()
            measured.ours.append(started.seconds)
            measured.late.append(max(0.0, started.ready_at - answered[0]))

        def start_stock() -> None:
            measured.stock.append(stock.start().seconds)
            stock.stop()

        def start_bare() -> None:
            measured.bare.append(bare.start())

        arms: list[Callable[[], None]] = [start_ours, start_stock, start_bare]
        for number in range(ROUNDS + 1):
            for arm in arms if number % 2 == 0 else reversed(arms):
                arm()
                time.sleep(1)  # what the stop set going has ended
    for series in (measured.ours, measured.stock, measured.bare, measured.late):
        del series[0]
    return measured


@contextmanager
def _first_answer(engine: Engine, http: httpx.Client, person: Person) -> Iterator[list[float]]:
    """When the session's server first answered, seen beside the hub (``time.monotonic``)."""
    answered: list[float] = []
    arguments = (engine.client.api, http, person.name, answered)
    thread = threading.Thread(target=_watch, args=arguments)
    thread.start()
    yield answered
    thread.join(timeout=30)


def _watch(
    client: docker.APIClient, http: httpx.Client, person: str, answered: list[float]
) -> None:
    deadline = time.monotonic() + 120
    address = ""
    while not answered and time.monotonic() < deadline:
        try:
            address = address or _address(client, person)
            url = f"http://{address}:8888/user/{person}/api"
            if address and http.get(url).status_code == httpx.codes.OK:
                answered.append(time.monotonic())
        except httpx.HTTPError:
            pass
        time.sleep(0.02)


def _address(client: docker.APIClient, person: str) -> str:
    listed = client.containers(filters={"label": f"labwerk.person={person}"})
    if not listed:
        return ""
    (network,) = listed[0]["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def _installed(folder: Path) -> AbstractContextManager[Install]:
    Referee().declare(DEVICES)
    state = fresh_state("state")
    return installed(folder, settings_text(state), state, PUBLIC_URL)


def _gateway(client: docker.DockerClient) -> str:
    (config,) = client.networks.get("bridge").attrs["IPAM"]["Config"]
    return str(config["Gateway"])
