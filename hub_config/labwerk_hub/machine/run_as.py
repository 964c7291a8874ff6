"""Running a part of ``labwerk run`` as the system user and waiting for its end."""

from __future__ import annotations

from labwerk_hub.machine.accounts import account
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import one_off
from labwerk_hub.settings import Settings


def run_as_user(settings: Settings, places: Places, log: Log, name: str) -> None:
    """Run ``labwerk run NAME`` as the system user; CommandError if it fails."""
    program = one_off(name, settings, places)
    log.run(
        program.command,
        env=program.environment,
        bare=True,
        cwd=places.state,
        account=account(settings.machine.user),
    )
