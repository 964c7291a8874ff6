"""What the machine must have for these settings; looking changes nothing."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator

from labwerk_hub import bootstrap
from labwerk_hub.adapters.issuer import (
    IssuerMismatchError,
    IssuerUnreachableError,
    discover,
)
from labwerk_hub.adapters.sql import is_current
from labwerk_hub.errors import DatabaseError, EngineUnreachableError, LabwerkError
from labwerk_hub.machine import engine, processes
from labwerk_hub.machine.errors import MachineError, NotRootError, PortTakenError
from labwerk_hub.machine.network import route_over
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import INSTANCE_VARIABLE
from labwerk_hub.machine.volume import volume_problems
from labwerk_hub.settings import NetworkSettings, Settings

#: How many user ids from machine.first_uid on must be nobody's.
_UIDS = 100_000
_ISSUER_PATIENCE_S = 3.0
_EVERYWHERE = "0.0.0.0"


def require_root(what: str) -> None:
    """Raise NotRootError unless we are root."""
    if os.geteuid() != 0:
        raise NotRootError(
            f"`{what}` must be run as root, since it makes a system user, mounts and firewall "
            f"rules; run it with sudo."
        )


def machine_problems(settings: Settings, places: Places) -> Iterator[LabwerkError]:
    """Every reason why these settings cannot be used on this machine now."""
    try:
        engine.engine_host(os.environ)
    except EngineUnreachableError as error:
        yield error
    yield from _taken_ports(settings, places)
    yield from _taken_uids(settings)
    if overlap := route_over(settings.network):
        yield MachineError(
            f"network.subnet = {settings.network.subnet!r} overlaps with {overlap}, which this "
            "machine uses already; choose other addresses."
        )
    yield from volume_problems(settings.storage, places)
    if (issuer := _issuer_problem(settings)) is not None:
        yield issuer
    if (database := _database_problem(settings)) is not None:
        yield database


def _taken_ports(settings: Settings, places: Places) -> Iterator[PortTakenError]:
    listening = processes.listeners()
    for key, address, port in _ports(settings.network, demo=settings.sign_in.is_demo):
        for listener in listening:
            if listener.port != port or listener.address not in (address, _EVERYWHERE):
                continue
            owner = processes.owner(listener.inode)
            if owner and owner.environ.get(INSTANCE_VARIABLE) == places.instance:
                continue
            by = f"{owner.name} (process {owner.pid})" if owner else "another process"
            yield PortTakenError(
                f"network.{key} = {port}: it is taken by {by}; end that, or choose another port."
            )
            break


def _ports(network: NetworkSettings, *, demo: bool) -> Iterator[tuple[str, str, int]]:
    address = "127.0.0.1" if network.address == "localhost" else network.address
    yield "public_port", address, network.public_port
    yield "proxy_api_port", "127.0.0.1", network.proxy_api_port
    yield "hub_port", network.gateway, network.hub_port
    yield "service_port", network.gateway, network.service_port
    if demo:
        yield "provider_port", "127.0.0.1", network.provider_port


def _taken_uids(settings: Settings) -> Iterator[MachineError]:
    first = settings.machine.first_uid
    for entry in pwd.getpwall():
        if first <= entry.pw_uid < first + _UIDS:
            yield MachineError(
                f"machine.first_uid = {first}: the user {entry.pw_name} has the id "
                f"{entry.pw_uid} here; choose a range of {_UIDS} ids that is nobody's."
            )
            return


def _issuer_problem(settings: Settings) -> LabwerkError | None:
    if settings.sign_in.is_demo:
        return None
    try:
        discover(settings.sign_in.issuer, patience=_ISSUER_PATIENCE_S)
    except (IssuerUnreachableError, IssuerMismatchError) as error:
        return error
    return None


def _database_problem(settings: Settings) -> LabwerkError | None:
    """A server that cannot be asked; whether its tables are this version's is for `up`."""
    if not settings.database.url:
        return None
    try:
        is_current(bootstrap.database_url(settings))
    except DatabaseError as error:
        return error
    return None
