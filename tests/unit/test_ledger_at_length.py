"""The ledger as it grows: what a charge costs the disk, and a month with many sessions."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench import charges
from labwerk_hub.services import verification
from support import long_ledger
from support.workbench import Bench


@pytest.mark.skipif(shutil.which("cc") is None, reason="counting needs a C compiler")
def test_a_committed_charge_costs_one_fsync_also_after_the_log_was_tidied() -> None:
    assert {charge.fsyncs for charge in charges.measured(readings=12)} == {1}


def test_the_log_does_not_grow_while_it_is_tidied_and_the_file_has_it_all(
    bench: Bench, tmp_path: Path
) -> None:
    log, sizes = tmp_path / "labwerk.sqlite-wal", []
    for number in range(12):
        bench.start(bench.person(f"Person {number}"), "cpu")
        bench.workbench.database.checkpoint()
        sizes.append(log.stat().st_size)
    assert max(sizes[4:]) <= max(sizes[:4])
    alone = tmp_path / "alone.sqlite"
    shutil.copy(tmp_path / "labwerk.sqlite", alone)  # without its log
    with closing(sqlite3.connect(alone)) as file:
        assert file.execute("select count(*) from leases").fetchone() == (12,)


def test_the_month_that_is_measured_is_one_that_the_services_could_have_written(
    bench: Bench,
) -> None:
    long_ledger.fill(bench, sessions_a_day=2)
    assert verification.verify(bench.workbench).findings == ()
