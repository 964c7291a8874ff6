"""The tests' referee: what it refuses, what it remembers, and what it shows in a container."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import referee as told
from support.nvml import Board, Driver
from support.referee import Device, Referee, Verdict

HOOK = Path(told.__file__).with_name("nvidia-container-runtime-hook")
Start = Callable[..., Verdict]
LIVING = os.getpid()


@pytest.fixture
def referee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Referee:
    folder = tmp_path / "referee"
    folder.mkdir()
    monkeypatch.setenv("LABWERK_TESTS_REFEREE", str(folder))
    return Referee()


@pytest.fixture
def start(referee: Referee, tmp_path: Path) -> Start:
    """Start a container as the engine would, up to the hook; ``pid`` is its process."""

    def begin(name: str, *devices: str, pid: int = LIVING) -> Verdict:
        bundle = tmp_path / name
        (bundle / "rootfs").mkdir(parents=True, exist_ok=True)
        env = ["PATH=/usr/bin", f"NVIDIA_VISIBLE_DEVICES={','.join(devices)}"]
        config = {"process": {"env": env}, "root": {"path": "rootfs"}}
        (bundle / "config.json").write_text(json.dumps(config))
        state = json.dumps({"id": name, "pid": pid, "bundle": str(bundle)})
        done = subprocess.run([HOOK, "prestart"], input=state, text=True, capture_output=True)
        verdict = referee.verdicts()[-1]
        assert (done.returncode != 0) == bool(verdict.refusal), done.stderr
        return verdict

    return begin


@pytest.fixture
def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def listed(container: Path) -> list[str]:
    done = subprocess.run(
        [container / "rootfs/usr/bin/nvidia-smi", "-L"], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_units_that_a_living_container_holds_are_refused_to_others(
    referee: Referee, start: Start, ended: int
) -> None:
    referee.declare({"MIG-a": Device("g", (0, 1)), "MIG-b": Device("g", (1, 2))})
    assert start("first", "MIG-a", pid=ended).refusal == ""
    assert start("second", "MIG-b").refusal == ""
    assert "is held by second" in start("third", "MIG-a").refusal
    assert "MIG-x is unknown" in start("fourth", "MIG-x").refusal
    assert "no device is named" in start("fifth").refusal


def test_a_shared_device_is_held_as_often_as_it_may_be(
    referee: Referee, start: Start, ended: int
) -> None:
    referee.declare({"GPU-a": Device("g", (0,), shares=2)})
    assert start("first", "GPU-a").refusal == ""
    assert start("second", "GPU-a", pid=ended).refusal == ""
    assert start("third", "GPU-a").refusal == ""
    assert "held by all that may share it" in start("fourth", "GPU-a").refusal


def test_what_the_driver_has_now_may_be_held_and_nothing_else(
    referee: Referee, start: Start, tmp_path: Path
) -> None:
    driver = Driver(tmp_path / "driver").build()
    gpu, plain = driver.boards(["H100-80GB", Board("A30-24GB", mig=False)])
    referee.drive(driver)
    first = driver.cut(gpu, "2g.20gb", 2)
    assert start("first", first).refusal == ""
    assert "is unknown" in start("second", gpu).refusal  # it is in MIG mode
    assert start("third", plain).refusal == ""
    assert "is held by third" in start("fourth", plain).refusal


def test_an_instance_made_again_is_another_device_on_units_still_held(
    referee: Referee, start: Start, tmp_path: Path
) -> None:
    driver = Driver(tmp_path / "driver").build()
    (gpu,) = driver.boards(["H100-80GB"])
    referee.drive(driver)
    first = driver.cut(gpu, "2g.20gb", 2)
    assert start("first", first).refusal == ""
    driver.uncut(gpu, "2g.20gb", 2)
    again = driver.cut(gpu, "1g.10gb", 3)
    assert again != first
    assert "is unknown" in start("second", first).refusal
    assert "is held by first" in start("third", again).refusal
    assert start("fourth", driver.cut(gpu, "1g.10gb", 4)).refusal == ""


def test_a_container_sees_what_it_was_given_as_the_real_tool_would_list_it(
    referee: Referee, start: Start, tmp_path: Path
) -> None:
    driver = Driver(tmp_path / "driver").build()
    (gpu,) = driver.boards(["RTX-PRO-6000-Blackwell-96GB"])
    referee.drive(driver)
    mine, other = driver.cut(gpu, "1g.24gb", 0), driver.cut(gpu, "1g.24gb", 3)
    start("first", mine)
    assert listed(tmp_path / "first") == [
        f"GPU 0: NVIDIA RTX-PRO-6000-Blackwell-96GB (UUID: {gpu})",
        f"  MIG 1g.24gb     Device  0: (UUID: {mine})",
    ]
    with referee.misgive({other: mine}):
        assert start("second", other).remark == "misgiven"
    assert mine in listed(tmp_path / "second")[1]


def test_a_root_that_cannot_be_written_is_remarked(
    referee: Referee, start: Start, tmp_path: Path
) -> None:
    referee.declare({"MIG-a": Device("g", (0, 1))})
    (tmp_path / "first" / "rootfs").mkdir(parents=True)
    (tmp_path / "first" / "rootfs" / "usr").write_text("no folder")
    verdict = start("first", "MIG-a")
    assert verdict.refusal == ""
    assert "nvidia-smi cannot be placed" in verdict.remark
