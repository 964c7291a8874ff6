"""The ledger as it grows: what a charge costs the disk, and a month with many sessions."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench import charges
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.metering import MeteringLoop
from labwerk_hub.services import verification
from support import long_ledger
from support.workbench import Bench


@pytest.mark.skipif(shutil.which("cc") is None, reason="counting needs a C compiler")
def test_a_committed_charge_costs_one_fsync_also_after_the_log_was_tidied() -> None:
    assert {charge.fsyncs for charge in charges.measured(readings=12)} == {1}


def test_the_service_moves_what_was_committed_into_the_file_after_each_reading(
    bench: Bench, tmp_path: Path
) -> None:
    nobody = Hub("http://127.0.0.1:9/hub/api", "")  # it is away: only orphans cannot be told
    service = MeteringLoop(bench.workbench, nobody, 600)
    log, sizes = tmp_path / "labwerk.sqlite-wal", []
    for number in range(12):
        bench.start(bench.person(f"Person {number}"), "cpu")
        bench.clock.step(minutes=10)  # what costs nothing is not booked more often
        service.look_once()
        sizes.append(log.stat().st_size)
    assert max(sizes[6:]) <= 2 * max(sizes[:6])  # else it would be many times as large
    alone = tmp_path / "alone.sqlite"
    shutil.copy(tmp_path / "labwerk.sqlite", alone)  # without its log
    with closing(sqlite3.connect(alone)) as file:
        charged = "select count(distinct session) from postings where kind = 'charge'"
        assert file.execute(charged).fetchone() == (12,)


def test_the_month_that_is_measured_is_one_that_the_services_could_have_written(
    bench: Bench,
) -> None:
    long_ledger.fill(bench, sessions_a_day=2)
    assert verification.verify(bench.workbench).findings == ()
