"""kill -9 of the hub and the service at many moments, while people come and go."""

from __future__ import annotations

import os
import random

from support.crash import Crashes
from support.engine import Engine
from support.install import Install
from support.nvml import Driver
from support.referee import Referee
from support.settings import STUDENTS

POINTS = 12
#: Set it to the seed that a failure printed to see the same again, as far as timing lets it.
SEED = int(os.environ.get("LABWERK_TESTS_SEED", random.randrange(1_000_000)))


def test_nothing_is_held_twice_and_nothing_is_left_however_hub_and_service_die(
    labwerk: Install, engine: Engine, driver: Driver, cards: list[str], referee: Referee
) -> None:
    driver.cut(cards[0], "1g.18gb", 6)  # somebody else's, in the midst of it
    try:
        found = Crashes(labwerk, engine, driver, referee, SEED).run(STUDENTS[:5], POINTS)
    finally:
        driver.uncut(cards[0], "1g.18gb", 6)
    print(found)
    assert found.wrong == [], str(found)
    assert found.runs >= POINTS, "hardly a session ran: this has tested nothing"
