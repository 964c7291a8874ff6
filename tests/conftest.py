"""Fixtures that several parts share; each starts something real and ends it."""

from __future__ import annotations

import atexit
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engine import Engine
from support.environment import REPOSITORY, step
from support.install import Install, fresh_state
from support.nvml import Driver
from support.referee import Referee
from support.sandbox import RUN
from support.settings import BOARDS, DEVICES, PUBLIC_URL, settings_text

ARTIFACTS = REPOSITORY / ".artifacts" / time.strftime("%Y-%m-%d-%H%M%S")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where this run keeps screenshots and logs; its place is printed at the end."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ARTIFACTS.exists():
        terminalreporter.write_line(f"screenshots and logs of this run: {ARTIFACTS}")


def pytest_unconfigure() -> None:
    """Let pytest's summary be the last line: DuckDB's binding complains as Python ends."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The tests' engine; only `python3 tests` starts it."""
    if "LABWERK_TESTS_ENGINE_PID" not in os.environ:
        pytest.fail("this part needs the tests' engine: run it with `python3 tests PART`")
    return Engine()


@pytest.fixture(scope="session")
def driver(engine: Engine) -> Driver:  # noqa: ARG001  (outside its sandbox it is not ours)
    """The machine's stand-in for NVIDIA's driver; it has no cards without ``cards``."""
    shutil.rmtree(RUN / "driver", ignore_errors=True)  # another run's
    return Driver(RUN / "driver").build()


@pytest.fixture(scope="session")
def cards(driver: Driver) -> list[str]:
    """The UUIDs of the driver's GPUs, in the order of the boards that the settings go by."""
    return driver.boards(BOARDS)


@pytest.fixture(scope="session")
def referee(
    engine: Engine,  # noqa: ARG001  (it starts the hook)
    driver: Driver,
    cards: list[str],  # noqa: ARG001  (the driver must have them before anybody reads it)
) -> Referee:
    """The referee, told which devices the machine has."""
    referee = Referee()
    referee.declare(DEVICES)
    referee.drive(driver)
    return referee


@pytest.fixture(scope="session")
def labwerk(
    referee: Referee,  # noqa: ARG001  (it must know the devices before anything starts)
    driver: Driver,
    artifacts: Path,
    pytestconfig: pytest.Config,
) -> Iterator[Install]:
    """A whole install, brought up with the operator's own commands and taken down again."""
    state = fresh_state("state")
    settings = artifacts / "labwerk.toml"
    settings.write_text(settings_text(state, driver), encoding="utf-8")
    install = Install(settings, state, PUBLIC_URL)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled(), step(f"\nup, logged in {state}/logs/up.log"):
        install.run("up", "--detach")
    try:
        yield install
    finally:
        (artifacts / "logs.txt").write_text(install.log_ends(lines=2000))
        install.run("down", "--yes")
