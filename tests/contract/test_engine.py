"""What every container engine adapter must do for the services (the port ``Engine``)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import docker.errors
import pytest
from docker.models.containers import Container
from labwerk_hub.adapters.docker import DockerEngine
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.services.ports import Engine as EnginePort
from support.engine import Engine
from support.simulated import SimulatedEngine
from support.tiny_image import tiny_image


class Machine(Protocol):
    """An engine from the other side: what the hub does to it, and what befalls containers."""

    port: EnginePort
    image: str

    def create(self, name: str, instance: str = ...) -> None:
        """A container that does not run yet and, once started, goes on for a minute."""

    def start(self, name: str) -> None:
        """Run it."""

    def kill(self, name: str) -> None:
        """It ends, and Labwerk did not ask for it."""

    def frozen(self) -> AbstractContextManager[None]:
        """The engine does not answer; containers run on."""


def _labels(name: str, instance: str) -> dict[str, str]:
    return {
        "labwerk.session": name,
        "labwerk.person": "thr--ada",
        "labwerk.slice": "sim-h100/1g.10gb@0",
        "labwerk.instance": instance,
    }


class DockerMachine:
    """The tests' engine."""

    def __init__(self, engine: Engine) -> None:
        self.port: EnginePort = DockerEngine("contract")
        self.image = tiny_image(engine.client)
        self.containers: dict[str, Container] = {}
        self._engine = engine

    def create(self, name: str, instance: str = "contract") -> None:
        self.containers[name] = self._engine.client.containers.create(
            self.image, ["sleep", "60"], name=name, labels=_labels(name, instance), init=False
        )

    def start(self, name: str) -> None:
        self.containers[name].start()

    def kill(self, name: str) -> None:
        self.containers[name].kill()
        self.containers[name].wait()

    def frozen(self) -> AbstractContextManager[None]:
        return self._engine.frozen()


class SimulatedMachine:
    """The one that the services' tests run on."""

    image = "labwerk-tests/tiny:1"

    def __init__(self) -> None:
        engine = SimulatedEngine(lambda: datetime.now(UTC), "contract")
        engine.have_image(self.image)
        self.port: EnginePort = engine
        self.start, self.kill, self.frozen = engine.start, engine.kill, engine.frozen
        self._engine = engine

    def create(self, name: str, instance: str = "contract") -> None:
        self._engine.create(name, _labels(name, instance))


@pytest.fixture(params=["docker", "simulated"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if request.param == "simulated":
        yield SimulatedMachine()
        return
    machine = DockerMachine(request.getfixturevalue("engine"))
    yield machine
    for container in machine.containers.values():
        with suppress(docker.errors.NotFound):  # the test removed it
            container.remove(force=True)


@pytest.fixture
def docker_machine(engine: Engine) -> Iterator[DockerMachine]:
    machine = DockerMachine(engine)
    yield machine
    for container in machine.containers.values():
        container.remove(force=True)


@pytest.fixture
def port(machine: Machine) -> EnginePort:
    return machine.port


def test_a_session_that_never_was_is_none(port: EnginePort) -> None:
    assert port.session("lw-000000000000") is None
    assert port.cpu_ns("lw-000000000000") is None
    assert port.devices("lw-000000000000") is None


def test_a_container_is_created_then_running_then_exited_with_the_engines_times(
    port: EnginePort, machine: Machine
) -> None:
    before = int(time.time() * 1000)
    machine.create("lw-00000000000a")
    created = port.session("lw-00000000000a")
    assert created is not None
    assert (created.state, created.started_ms) == (ContainerState.CREATED, None)
    assert (created.person, created.slice_label) == ("thr--ada", "sim-h100/1g.10gb@0")
    assert before <= created.created_ms <= time.time() * 1000

    machine.start("lw-00000000000a")
    running = port.session("lw-00000000000a")
    assert running is not None
    assert (running.state, running.finished_ms) == (ContainerState.RUNNING, None)
    assert running.started_ms is not None
    assert created.created_ms <= running.started_ms <= time.time() * 1000

    machine.kill("lw-00000000000a")
    ended = port.session("lw-00000000000a")
    assert ended is not None
    assert ended.state is ContainerState.EXITED
    assert (ended.created_ms, ended.started_ms) == (created.created_ms, running.started_ms)
    assert ended.finished_ms is not None
    assert running.started_ms <= ended.finished_ms <= time.time() * 1000


def test_sessions_of_another_installation_are_not_listed(
    port: EnginePort, machine: Machine
) -> None:
    machine.create("lw-00000000000c")
    machine.create("lw-00000000000d", instance="another")
    assert [container.session for container in port.sessions()] == ["lw-00000000000c"]


def test_what_does_not_run_is_listed_all_the_same(port: EnginePort, machine: Machine) -> None:
    for name in ("lw-00000000000a", "lw-00000000000b", "lw-00000000000c"):
        machine.create(name)
    for name in ("lw-00000000000b", "lw-00000000000c"):
        machine.start(name)
    machine.kill("lw-00000000000c")
    listed = {container.session: container for container in port.sessions()}
    assert {name: found.state for name, found in listed.items()} == {
        "lw-00000000000a": ContainerState.CREATED,
        "lw-00000000000b": ContainerState.RUNNING,
        "lw-00000000000c": ContainerState.EXITED,
    }
    assert all(found == port.session(name) for name, found in listed.items())


def test_stopping_and_removing_can_be_repeated(port: EnginePort, machine: Machine) -> None:
    machine.create("lw-00000000000e")
    machine.start("lw-00000000000e")
    port.stop("lw-00000000000e")
    ended = port.session("lw-00000000000e")
    assert ended is not None
    assert ended.state is ContainerState.EXITED
    port.stop("lw-00000000000e")
    assert port.session("lw-00000000000e") == ended, "stopping again moves no finish time"
    port.remove("lw-00000000000e")
    port.remove("lw-00000000000e")
    port.stop("lw-00000000000e")
    assert port.session("lw-00000000000e") is None


def test_what_never_ran_is_left_as_it_is_by_a_stop_and_gone_by_a_removal(
    port: EnginePort, machine: Machine
) -> None:
    machine.create("lw-00000000000e")
    port.stop("lw-00000000000e")
    created = port.session("lw-00000000000e")
    assert created is not None
    assert (created.started_ms, created.finished_ms) == (None, None)
    port.remove("lw-00000000000e")
    assert port.session("lw-00000000000e") is None


def test_a_running_container_can_be_removed_at_once(port: EnginePort, machine: Machine) -> None:
    machine.create("lw-00000000000e")
    machine.start("lw-00000000000e")
    port.remove("lw-00000000000e")
    assert port.sessions() == []


def test_processor_time_is_told_of_what_runs_alone_and_never_goes_back(
    port: EnginePort, machine: Machine
) -> None:
    machine.create("lw-00000000000e")
    assert port.cpu_ns("lw-00000000000e") is None
    machine.start("lw-00000000000e")
    first, second = port.cpu_ns("lw-00000000000e"), port.cpu_ns("lw-00000000000e")
    assert first is not None
    assert second is not None
    assert 0 < first <= second < 60 * 10**9
    machine.kill("lw-00000000000e")
    assert port.cpu_ns("lw-00000000000e") is None


def test_devices_are_not_told_where_there_is_no_tool_to_ask(
    port: EnginePort, machine: Machine
) -> None:
    machine.create("lw-00000000000e")
    assert port.devices("lw-00000000000e") is None
    machine.start("lw-00000000000e")
    assert port.devices("lw-00000000000e") is None


def test_images_are_there_or_not(port: EnginePort, machine: Machine) -> None:
    assert port.has_image(machine.image)
    assert not port.has_image("labwerk/never:built")


def test_an_engine_that_is_frozen_counts_as_unreachable(port: EnginePort, machine: Machine) -> None:
    assert port.session("lw-00000000000f") is None
    with machine.frozen(), pytest.raises(EngineUnreachableError):
        port.sessions()
    assert port.sessions() == []


def test_a_paused_container_still_counts_as_running(docker_machine: DockerMachine) -> None:
    docker_machine.create("lw-00000000000b")
    docker_machine.start("lw-00000000000b")
    docker_machine.containers["lw-00000000000b"].pause()
    paused = docker_machine.port.session("lw-00000000000b")
    docker_machine.containers["lw-00000000000b"].unpause()
    assert paused is not None
    assert paused.state is ContainerState.RUNNING


def test_an_engine_whose_socket_is_gone_counts_as_unreachable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachableError):
        DockerEngine("contract", f"unix://{tmp_path}/none.sock").sessions()
