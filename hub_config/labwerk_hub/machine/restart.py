"""`restart`: the programs anew, with the settings file as it is now."""

from __future__ import annotations

from dataclasses import replace

from labwerk_hub.machine import accounts, engine
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import programs
from labwerk_hub.machine.progress import Progress
from labwerk_hub.machine.readiness import proxy_serves, wait_until_ready
from labwerk_hub.machine.record import Origin
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.machine.up import ensure_network, install, refuse
from labwerk_hub.machine.volume import volume_problems
from labwerk_hub.settings import Settings, load_settings


def restart(origin: Origin, progress: Progress) -> Settings:
    """Restart the programs; sessions live on. The settings in use afterwards.

    The proxy and the demo's provider go on unless their own settings have changed, or nothing
    answers at the public address.
    Raises MachineError if Labwerk does not run, and before anything is stopped if the
    settings have a fault or lead to another installation.
    """
    with progress.step("Check settings and network"):
        settings = load_settings(origin.settings)
        places = Places(settings.machine.state)
        supervisor = Supervisor(places)
        if not supervisor.is_running():
            raise MachineError(f"The Labwerk in {places.state} does not run; use `up`.")
        accounts.ensure_folders(settings.machine.user, places)
        client = engine.connect(engine.engine_host({"DOCKER_HOST": origin.engine}))
        ensure_network(settings, places, client, progress)
        refuse(list(volume_problems(settings.storage, places)))
        settings = install(origin, settings, places)
        origin.write(places.origin)
    with progress.step("Restart the programs"):
        lasts = proxy_serves(settings)
        found = programs(settings, places)
        supervisor.restart([replace(p, lasting=p.lasting and lasts) for p in found], progress.log)
    with progress.step("Wait until everything answers"):
        wait_until_ready(settings, places)
    return settings
