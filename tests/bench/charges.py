"""What a committed charge costs: fsyncs, and time beside that of a raw fsync on the same disk.

Sessions of a workbench on SQLite are charged as the hub service does it, reading after
reading, in a process into which support/fsync_count.c is loaded. Beside each charge, before
or after it, 4 KiB are written and fsynced in a file on the same disk, each after the same
pause: an fsync right after another one finds nothing to wait for. So both meet the same
moments of the disk, whatever else uses it. Run as a program, this file is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, quantiles

_TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "hub_config")]

from support import environment  # noqa: E402  (the lines above make it importable)
from support.fsync_count import Sync, Syncs  # noqa: E402
from support.workbench import Bench, bench_in, fixed_gpu  # noqa: E402

from bench.report import Figure  # noqa: E402

#: Sessions that run at once; each is charged at every reading, and the log tidied after it.
SESSIONS, READINGS, PERIOD_S = 7, 300, 30
#: What is written and fsynced beside each charge, and where: over and over in a file that
#: keeps its size, as SQLite's log does.
RAW_BYTES, RAW_PLACES = 4096, 256
#: The readings that a p99 is taken of; the figure is the median of so many differences.
_ROUND = READINGS // 10
#: Seconds before a charge and before a raw fsync.
_PAUSE_S = 0.002


@dataclass(frozen=True)
class Charge:
    """One charge: its whole transaction, the fsyncs in it, and the raw fsync after it; in ms."""

    took_ms: float
    fsyncs: int
    fsync_ms: float
    raw_ms: float


def figures() -> Mapping[str, Figure]:
    """The figures about commits, of a process of their own."""
    charges = measured(READINGS)
    rounds = [
        charges[at : at + SESSIONS * _ROUND] for at in range(0, len(charges), SESSIONS * _ROUND)
    ]
    over = [_p99(c.took_ms for c in one) - _p99(c.raw_ms for c in one) for one in rounds]
    counts = [float(charge.fsyncs) for charge in charges]
    return {
        "fsyncs_per_charge": Figure(fmean(counts), min(counts), max(counts), len(counts)),
        "commit_p99_over_fsync_p99_ms": Figure.of(over),
        "commit_ms": Figure.of([charge.took_ms for charge in charges]),
        "commit_p99_ms": Figure.of([_p99(c.took_ms for c in one) for one in rounds]),
        "its_fsync_p99_ms": Figure.of([_p99(c.fsync_ms for c in one) for one in rounds]),
        "raw_fsync_ms": Figure.of([charge.raw_ms for charge in charges]),
        "raw_fsync_p99_ms": Figure.of([_p99(c.raw_ms for c in one) for one in rounds]),
    }


def measured(readings: int) -> list[Charge]:
    """The charges of so many readings, made in a process of their own."""
    environment.cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=environment.cache(), prefix="charges-") as folder:
        syncs = Syncs.begin(Path(folder) / "fsyncs")
        command = [sys.executable, __file__, folder, str(readings)]
        done = subprocess.run(
            command, env={**os.environ, **syncs.variables}, stdout=subprocess.PIPE, check=True
        )
        return [Charge(**row) for row in json.loads(done.stdout)]


def _p99(values: Iterator[float] | Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1]


def _charges(folder: Path, syncs: Syncs, readings: int) -> Iterator[Charge]:
    from labwerk_hub.services import metering

    gpu = fixed_gpu("fixed", *(f"1g.10gb@{start}" for start in range(SESSIONS)))
    with bench_in(folder, [gpu]) as bench, (folder / "raw").open("wb", buffering=0) as raw:
        os.posix_fallocate(raw.fileno(), 0, RAW_BYTES * RAW_PLACES)
        os.fsync(raw.fileno())
        for number in range(SESSIONS):
            _start(bench, number)
        done = 0
        for _ in range(readings):
            bench.clock.step(seconds=PERIOD_S)
            for container in bench.engine.sessions():
                raw_ms = 0.0 if done % 2 else 1000 * _raw(raw.fileno(), done)
                time.sleep(_PAUSE_S)
                before = syncs.count
                began = time.perf_counter()
                metering.meter(bench.workbench, container, bench.clock.ms)
                took = time.perf_counter() - began
                its = syncs.since(before)
                raw_ms = raw_ms or 1000 * _raw(raw.fileno(), done)
                yield Charge(1000 * took, len(its), _ms(its), raw_ms)
                done += 1
            bench.workbench.database.checkpoint()


def _start(bench: Bench, number: int) -> None:
    bench.start(bench.person(f"Person {number}"))


def _ms(syncs: Sequence[Sync]) -> float:
    return sum(sync.took_ns for sync in syncs) / 1e6


def _raw(descriptor: int, number: int) -> float:
    os.pwrite(descriptor, os.urandom(RAW_BYTES), RAW_BYTES * (number % RAW_PLACES))
    time.sleep(_PAUSE_S)
    began = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - began


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    _syncs = Syncs(Path(os.environ["LABWERK_TESTS_FSYNCS"]))
    _made = _charges(_folder, _syncs, int(sys.argv[2]))
    print(json.dumps([asdict(charge) for charge in _made]))
