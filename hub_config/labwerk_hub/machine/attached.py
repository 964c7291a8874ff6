"""`up` without ``--detach``: staying with what runs."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.settings import Settings

_LOOK_EVERY_S = 1.0


def stay(settings: Settings, places: Places) -> str:
    """Wait for Ctrl-C, then stop the programs; or for their end by other hands.

    Sessions are the engine's and run on; their charges close when Labwerk runs again.
    Returns what there is to say.
    """
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    supervisor = Supervisor(places)
    while supervisor.is_running():
        if asked.wait(_LOOK_EVERY_S):
            supervisor.stop(Log(places.up_log))
            return (
                f"\nLabwerk's programs are stopped. Sessions go on; `up` brings back "
                f"{settings.network.public_url}, `down` ends sessions too."
            )
    return "\nLabwerk was stopped by another command."
