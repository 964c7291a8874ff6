"""The driver's adapter when something breaks, hangs or goes away, and behind the root helper.

The library is the same stand-in as in test_nvml.py.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import DeclaredGpus, declared_gpu
from labwerk_hub.adapters.driver import HelperGpus, PoolOfBoth
from labwerk_hub.adapters.nvml import NvmlGpus
from labwerk_hub.adapters.nvml_board import Sharing
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.errors import GpuBusyError, GpuDriverError, GpuFaultError
from labwerk_hub.machine.helper_gpus import GpuKeeper
from labwerk_hub.machine.pool import pool_problems
from labwerk_hub.settings import load_settings
from support.nvml import Board, Driver
from support.settings import SHIPPED

from .test_gpus import helper, with_pool
from .test_nvml import at, only, standing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a driver wants root")

#: NVML_ERROR_UNKNOWN.
UNKNOWN = 999


# ------------------------------------------------------------------------ what breaks


def test_a_lost_gpu_stays_visible_with_its_fault_and_the_others_serve(driver: Driver) -> None:
    lost, well = driver.boards(["H100-80GB", "A30-24GB"])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
    before = port.read().gpus[0]
    port.prepare(at(before, "1g.10gb", 0))
    driver.lose(lost)
    after, other = port.read(fresh=True).gpus
    assert after.fault == "has fallen off the bus (XID 79); reset or reboot the machine"
    assert (after.name, after.model, other.fault) == (before.name, before.model, None)
    for refused in (port.prepare, port.release):
        with pytest.raises(GpuFaultError, match="has fallen off the bus"):
            refused(at(before, "1g.10gb", 0))
    assert port.use(at(before, "1g.10gb", 0)).processes is None
    assert port.prepare(at(other, "1g.6gb", 0))
    driver.heal(lost)
    assert port.read(fresh=True).gpus[0].fault is None
    assert well


def test_a_gpu_that_is_lost_without_a_word_is_noticed(driver: Driver, port: NvmlGpus) -> None:
    gpu = only(port)
    driver.lose(f"GPU-{driver_uuid(driver)}", quietly=True)
    assert only(port).fault == "has fallen off the bus; reset or reboot the machine"
    assert only(port).name == gpu.name


def driver_uuid(driver: Driver) -> str:
    board = next(
        line for line in (driver.folder / "driver.txt").read_text().splitlines() if "board" in line
    )
    return board.split(" ")[1].removeprefix("GPU-")


@pytest.mark.parametrize("number", [13, 31, 43, 45, 68, 109])
def test_errors_of_programs_are_no_fault_of_the_gpu(
    driver: Driver, port: NvmlGpus, number: int
) -> None:
    only(port)
    driver.xid(f"GPU-{driver_uuid(driver)}", number)
    assert only(port).fault is None


def test_a_critical_error_is_a_fault_until_the_gpu_was_reset(
    driver: Driver, port: NvmlGpus
) -> None:
    uuid = f"GPU-{driver_uuid(driver)}"
    gpu = only(port)
    driver.xid(uuid, 48)
    assert (
        only(port).fault == "has reported a critical error (XID 48); reset it or reboot the machine"
    )
    assert only(port).fault is not None  # it does not pass by itself
    with pytest.raises(GpuFaultError, match=f"{gpu.name} has reported a critical error"):
        port.prepare(at(gpu, "1g.10gb", 0))
    driver.heal(uuid)
    assert only(port).fault is None
    driver.uncorrectable_error(uuid)
    assert "uncorrectable memory error" in str(only(port).fault)


def test_a_reboot_loses_the_instances_and_they_can_be_made_again(
    driver: Driver, port: NvmlGpus
) -> None:
    slice_ = at(only(port), "3g.40gb", 4)
    device = port.prepare(slice_)
    driver.reboot()
    port.release(slice_)
    assert only(port).instances == ()
    assert port.prepare(slice_) != device


def test_a_driver_that_goes_away_is_told_and_found_again(driver: Driver, port: NvmlGpus) -> None:
    gpu = only(port)
    driver.unload()
    assert "cannot be read: Driver Not Loaded" in str(only(port).fault)
    with pytest.raises(GpuDriverError, match="Driver Not Loaded"):
        port.prepare(at(gpu, "1g.10gb", 0))
    with pytest.raises(GpuDriverError, match="NVIDIA's driver cannot be read: Driver Not Loaded"):
        NvmlGpus(library=str(driver.library)).read()
    driver.reboot()
    assert only(port) == gpu


def test_a_gpu_that_was_taken_out_stays_known_as_gone(driver: Driver) -> None:
    first, _ = driver.boards(["H100-80GB", "A30-24GB"])
    port = NvmlGpus(library=str(driver.library))
    port.read()
    driver.remove_board(first)
    gone, other = port.read(fresh=True).gpus
    assert "is not found by the driver any more" in str(gone.fault)
    assert other.fault is None
    with pytest.raises(GpuFaultError, match="is not found by the driver any more"):
        port.prepare(at(gone, "1g.10gb", 0))
    port.release(at(gone, "1g.10gb", 0))  # what was cut from it is gone, too


def test_a_library_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(GpuDriverError, match=r"nvml_library cannot be loaded: .*none\.so"):
        NvmlGpus(library=str(tmp_path / "none.so")).read()


def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    other = Driver(tmp_path / "driver").build()
    other.boards(["H100-80GB"])
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o001)
    # The rights go when all is imported and read: others may not even start this Python.
    read = (
        "import os, sys; sys.path[:0] = sys.argv[2:]; "
        "import pynvml; from labwerk_hub.adapters.declared import models_by_pci; "
        "from labwerk_hub.adapters.nvml import NvmlGpus; models_by_pci(); "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "NvmlGpus(library=sys.argv[1]).read()"
    )
    done = subprocess.run(
        [sys.executable, "-c", read, str(other.library), *filter(None, sys.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GpuDriverError: NVIDIA's driver cannot be read: Insufficient Permissions" in done.stderr
    assert "how a GPU can be cut is told to root only" in done.stderr


def test_what_fails_to_be_read_is_not_changed(driver: Driver, port: NvmlGpus) -> None:
    slice_ = at(only(port), "3g.40gb", 4)
    port.prepare(slice_)
    driver.fail_next(UNKNOWN, "nvmlDeviceGetComputeRunningProcesses_v3")
    with pytest.raises(GpuDriverError, match="refuses"):
        port.release(slice_)
    only(port)
    driver.fail_next(UNKNOWN, "nvmlDeviceGetGpuInstances")
    with pytest.raises(GpuFaultError, match="cannot be read"):
        port.release(slice_)
    assert standing(driver) == ["3g.40gb@4"]


# ----------------------------------------------------------------- through the helper


def test_a_driver_that_hangs_holds_up_nobody_who_wants_a_home(
    driver: Driver, tmp_path: Path
) -> None:
    settings = with_pool(tmp_path, driver)
    state = settings.machine.state
    with helper(settings):
        gpus, storage = HelperGpus(state), HelperStorage(state)
        gpu = gpus.read().gpus[0]
        driver.slow(5.0)
        hanging = threading.Thread(target=lambda: gpus.read(fresh=False))
        time.sleep(1.1)
        hanging.start()
        storage.ping()
        assert hanging.is_alive(), "it was answered only after the driver had been"
        driver.slow(0)
        hanging.join()
        assert gpus.read(fresh=True).gpus[0] == gpu


def test_the_kinds_of_problems_come_through_the_socket(driver: Driver, tmp_path: Path) -> None:
    settings = with_pool(tmp_path, driver)
    with helper(settings):
        gpus = HelperGpus(settings.machine.state)
        slice_ = at(gpus.read().gpus[0], "2g.20gb", 0)
        device = gpus.prepare(slice_)
        assert device is not None
        driver.set_processes(device, [7])
        with pytest.raises(GpuBusyError, match="process 7"):
            gpus.release(slice_)
        driver.lose(f"GPU-{driver_uuid(driver)}")
        assert "XID 79" in str(gpus.read(fresh=True).gpus[0].fault)
        with pytest.raises(GpuFaultError, match="XID 79"):
            gpus.prepare(slice_)
        with pytest.raises(GpuFaultError, match="is no slice of a GPU"):
            gpus.prepare(Slice("../../etc", "1g.10gb", 0, 1))


def test_while_the_helper_is_away_gpus_are_shown_with_a_fault(
    driver: Driver, tmp_path: Path
) -> None:
    settings = with_pool(tmp_path, driver)
    gpus = HelperGpus(settings.machine.state)
    with pytest.raises(GpuDriverError, match="does not answer"):
        gpus.read()
    with helper(settings):
        name = gpus.read().gpus[0].name
    (settings.machine.state / "run" / "helper.sock").unlink()
    time.sleep(1.1)
    (gpu,) = gpus.read().gpus
    assert gpu.name == name
    assert str(gpu.fault).startswith("cannot be read: The root helper at")
    with pytest.raises(GpuDriverError, match="does not answer"):
        gpus.read(fresh=True)


def test_what_happens_to_a_gpu_is_in_the_helpers_log(
    driver: Driver, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    keeper = GpuKeeper(with_pool(tmp_path, driver).pool)
    look: Callable[[], None] = keeper.look
    look()
    driver.lose(f"GPU-{driver_uuid(driver)}")
    time.sleep(1.1)
    with caplog.at_level(logging.INFO):
        look()
    assert "has fallen off the bus (XID 79)" in caplog.text


# ------------------------------------------------------------------- the pool of both


def test_a_gpu_that_is_declared_and_found_is_not_handed_out_twice(driver: Driver) -> None:
    (uuid,) = driver.boards([Board("A30-24GB", mig=False)])
    found = NvmlGpus(library=str(driver.library))
    twin = declared_gpu("mine", "A30-24GB", ["whole@0"], simulated=False, devices=[uuid])
    same = declared_gpu(f"gpu-{uuid[4:12]}", "A30-24GB", ["whole@0"], simulated=True)
    declared, other = PoolOfBoth(DeclaredGpus([twin]), found).read().gpus
    assert declared.fault is None
    assert other.fault == "is declared in the settings too, as mine; remove one of them"
    first, second = PoolOfBoth(DeclaredGpus([same]), found).read().gpus
    assert first.name != second.name
    assert "which the settings name another GPU" in str(second.fault)


def test_what_is_wrong_with_the_pool_as_found_is_told_in_sentences(driver: Driver) -> None:
    (uuid,) = driver.boards(["B200-180GB"])
    port = NvmlGpus(library=str(driver.library), sharing=Sharing(mig="dynamic"))
    shipped = load_settings(SHIPPED)
    assert pool_problems(shipped, PoolOfBoth(DeclaredGpus([]), port).read())[0] == (
        f"{SHIPPED}: flavours[1] “small”.slices = {{'H100-80GB': '1g.10gb', 'A100-40GB': '1g.5gb'}}"
        ": no GPU of this pool can be cut into 1g.10gb of H100-80GB or 1g.5gb of A100-40GB; it has "
        "1g.23gb, 2g.45gb, 3g.90gb, 4g.90gb, 7g.180gb, 1g.23gb+me, 1g.45gb of B200-180GB."
    )
    driver.lose(uuid)
    lost = pool_problems(shipped, port.read(fresh=True))[0]
    assert lost.endswith(
        "(B200-180GB) has fallen off the bus (XID 79); reset or reboot the machine."
    )
