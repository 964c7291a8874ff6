"""Whether everything answers: what ``up`` waits for and ``status`` shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.errors import StorageError
from labwerk_hub.machine.errors import ProgramError
from labwerk_hub.machine.log import telling_line
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import log_of
from labwerk_hub.machine.supervisor import Supervisor, last_lines
from labwerk_hub.settings import Settings

#: After so many starts within one wait a program is taken not to come up.
_STARTS = 4


@dataclass(frozen=True)
class Probe:
    """Asks one program whether it answers."""

    program: str
    answers: Callable[[], bool]


def probes(settings: Settings, places: Places) -> tuple[Probe, ...]:
    """One probe per program, each through the way that people and sessions take."""
    network = settings.network
    found = [
        Probe("helper", lambda: helper_answers(places)),
        Probe("hub", lambda: _answers(f"http://{network.gateway}:{network.hub_port}/hub/health")),
        Probe("proxy", lambda: _answers(f"{network.public_url}/hub/health")),
        Probe("service", lambda: _answers(f"{network.service_url}/api/health")),
    ]
    if settings.sign_in.is_demo:
        discovery = f"{settings.issuer}/.well-known/openid-configuration"
        found.append(Probe("provider", lambda: _answers(discovery)))
    return tuple(found)


def answering(settings: Settings, places: Places) -> Mapping[str, bool]:
    """Which programs answer now."""
    return {probe.program: probe.answers() for probe in probes(settings, places)}


def proxy_serves(settings: Settings) -> bool:
    """Whether the proxy answers at all; that the hub is away is an answer, too."""
    return _status(f"{settings.network.public_url}/hub/health") is not None


def _answers(url: str) -> bool:
    return _status(url) == httpx.codes.OK


def _status(url: str) -> int | None:
    """What a page answers; its certificate may be for a public name we do not use here."""
    try:
        return httpx.get(url, timeout=5, trust_env=False, verify=False).status_code
    except httpx.HTTPError:
        return None


def helper_answers(places: Places) -> bool:
    """Whether the root helper answers."""
    try:
        HelperStorage(places.state).ping()
    except StorageError:
        return False
    return True


def wait_until_ready(settings: Settings, places: Places, *, seconds: float = 120) -> None:
    """Return when every program answers.

    Raises ProgramError with the telling line of its log for one that keeps ending, or for
    the first that does not answer in time.
    """
    waiting = list(probes(settings, places))
    supervisor, starts = Supervisor(places), dict[str, set[int]]()
    deadline = time.monotonic() + seconds
    while waiting:
        waiting = [probe for probe in waiting if not probe.answers()]
        for state in supervisor.states():
            starts.setdefault(state.name, set()).add(state.started)
            if state.state == "FATAL" or len(starts[state.name] - {0}) >= _STARTS:
                raise _not_up(places, state.name, "keeps ending")
        if waiting and time.monotonic() > deadline:
            raise _not_up(places, waiting[0].program, f"did not answer within {seconds:.0f} s")
        if waiting:
            time.sleep(0.1)


def _not_up(places: Places, program: str, what: str) -> ProgramError:
    log = log_of(places, program)
    return ProgramError(
        f"The program {program} {what} ({telling_line(last_lines(log))}); see {log}."
    )
