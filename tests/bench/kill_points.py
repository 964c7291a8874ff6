"""The real part of `bench leases`: people come and go under a real engine while things die.

Eight people on the stand-in driver's GPUs and a fixed one, two hundred points at which hub,
service, the root helper or a command is killed (see support/crash.py). An alarm is a start
that the referee had to refuse, units leased or cut twice, something left over at the end, or
a charge that differs from what the engine says ran.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from support.crash import Crashes, Findings
from support.engine import Engine
from support.install import Install, fresh_state, installed
from support.nvml import Driver
from support.postgres import Postgres
from support.referee import Referee
from support.sandbox import RUN
from support.settings import BOARDS, DEVICES, PUBLIC_URL, STUDENTS, on_server, settings_text

from bench.leases import KILL_POINTS
from bench.report import Figure

#: Some are in a project of several institutions, which may pay in place of theirs.
PEOPLE = ("anna", "mira", "anna-keller", *STUDENTS[:5])
#: It ends after so long in any case, with the points that there were.
LONGEST_SECONDS = 3600.0


def kills() -> Mapping[str, Figure]:
    """The figures `kill_points` and `referee_alarms`, and how many sessions ran meanwhile."""
    found = crashed(KILL_POINTS, random.randrange(1_000_000))
    for sentence in (str(found), *found.wrong):
        print(sentence, file=sys.stderr)
    return {
        "kill_points": Figure.of([found.points.total()]),
        "referee_alarms": Figure.of([len(found.wrong)]),
        "sessions": Figure.of([found.runs]),
    }


def crashed(
    points: int, seed: int, seconds: float = LONGEST_SECONDS, server: Postgres | None = None
) -> Findings:
    """So many points (or seconds) on an install of its own, whose database is on ``server``."""
    shutil.rmtree(RUN / "driver", ignore_errors=True)
    driver, referee = Driver(RUN / "driver").build(), Referee()
    cards = driver.boards(BOARDS)
    driver.cut(cards[0], "1g.18gb", 6)  # somebody else's, in the midst of it
    referee.declare(DEVICES)
    referee.drive(driver)
    with (
        tempfile.TemporaryDirectory() as folder,
        _installed(Path(folder), driver, server) as install,
    ):
        crashes = Crashes(install, Engine(), driver, referee, seed)
        return crashes.run(PEOPLE, points, seconds)


def _installed(
    folder: Path, driver: Driver, server: Postgres | None
) -> AbstractContextManager[Install]:
    state = fresh_state("state")
    text = settings_text(state, driver)
    return installed(folder, on_server(text, server, folder) if server else text, state, PUBLIC_URL)
