"""What every container engine adapter must do for the services (the port ``Engine``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker.errors
import pytest
from docker.models.containers import Container
from labwerk_hub.adapters.docker import DockerEngine
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.services.ports import Engine as EnginePort
from support.engine import Engine
from support.tiny_image import tiny_image

Make = Callable[..., Container]


@pytest.fixture
def port() -> EnginePort:
    return DockerEngine("contract")


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    made: list[Container] = []

    def make(name: str, command: str = "sleep 60", instance: str = "contract") -> Container:
        labels = {
            "labwerk.session": name,
            "labwerk.person": "thr--ada",
            "labwerk.slice": "sim-h100/1g.10gb@0",
            "labwerk.instance": instance,
        }
        container = engine.client.containers.create(
            tiny_image(engine.client), command.split(), name=name, labels=labels, init=False
        )
        made.append(container)
        return container

    yield make
    for container in made:
        with suppress(docker.errors.NotFound):  # the test removed it
            container.remove(force=True)


def test_a_session_that_never_was_is_none(port: EnginePort) -> None:
    assert port.session("lw-000000000000") is None


def test_a_container_is_created_then_running_then_exited_with_the_engines_times(
    port: EnginePort, make: Make
) -> None:
    before = time.time() * 1000
    container = make("lw-00000000000a")
    created = port.session("lw-00000000000a")
    assert created is not None
    assert (created.state, created.started_ms) == (ContainerState.CREATED, None)
    assert created.person == "thr--ada"
    assert created.slice_label == "sim-h100/1g.10gb@0"

    container.start()
    running = port.session("lw-00000000000a")
    assert running is not None
    assert (running.state, running.finished_ms) == (ContainerState.RUNNING, None)
    assert running.started_ms is not None
    assert before <= running.started_ms <= time.time() * 1000

    container.kill()
    container.wait()
    ended = port.session("lw-00000000000a")
    assert ended is not None
    assert ended.state is ContainerState.EXITED
    assert ended.started_ms == running.started_ms
    assert ended.finished_ms is not None
    assert running.started_ms <= ended.finished_ms <= time.time() * 1000


def test_a_paused_container_still_counts_as_running(port: EnginePort, make: Make) -> None:
    container = make("lw-00000000000b")
    container.start()
    container.pause()
    paused = port.session("lw-00000000000b")
    container.unpause()
    assert paused is not None
    assert paused.state is ContainerState.RUNNING


def test_sessions_of_another_installation_are_not_seen(port: EnginePort, make: Make) -> None:
    make("lw-00000000000c")
    make("lw-00000000000d", instance="another")
    assert [container.session for container in port.sessions()] == ["lw-00000000000c"]


def test_stopping_and_removing_can_be_repeated(port: EnginePort, make: Make) -> None:
    make("lw-00000000000e").start()
    port.stop("lw-00000000000e")
    port.stop("lw-00000000000e")
    port.remove("lw-00000000000e")
    port.remove("lw-00000000000e")
    port.stop("lw-00000000000e")
    assert port.session("lw-00000000000e") is None


def test_images_are_there_or_not(port: EnginePort, engine: Engine) -> None:
    assert port.has_image(tiny_image(engine.client))
    assert not port.has_image("labwerk/never:built")


def test_an_engine_that_is_frozen_counts_as_unreachable(port: EnginePort, engine: Engine) -> None:
    assert port.session("lw-00000000000f") is None
    with engine.frozen(), pytest.raises(EngineUnreachableError):
        port.sessions()
    assert port.sessions() == []


def test_an_engine_whose_socket_is_gone_counts_as_unreachable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachableError):
        DockerEngine("contract", f"unix://{tmp_path}/none.sock").sessions()
