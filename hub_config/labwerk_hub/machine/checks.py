"""What the machine must have for these settings; looking changes nothing."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator

import httpx

from labwerk_hub.errors import EngineUnreachableError, LabwerkError
from labwerk_hub.machine import engine, processes
from labwerk_hub.machine.errors import IssuerUnreachableError, MachineError, NotRootError
from labwerk_hub.machine.errors import PortTakenError as PortTaken
from labwerk_hub.machine.network import route_over
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import INSTANCE_VARIABLE
from labwerk_hub.settings import NetworkSettings, Settings

#: How many user ids from machine.first_uid on must be nobody's.
_UIDS = 100_000
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
    if (issuer := _unreachable_issuer(settings)) is not None:
        yield issuer


def _taken_ports(settings: Settings, places: Places) -> Iterator[PortTaken]:
    listening = processes.listeners()
    for key, address, port in _ports(settings.network, demo=settings.sign_in.is_demo):
        for listener in listening:
            if listener.port != port or listener.address not in (address, _EVERYWHERE):
                continue
            owner = processes.owner(listener.inode)
            if owner and owner.environ.get(INSTANCE_VARIABLE) == places.instance:
                continue
            by = f"{owner.name} (process {owner.pid})" if owner else "another process"
            yield PortTaken(
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


def _unreachable_issuer(settings: Settings) -> IssuerUnreachableError | None:
    if settings.sign_in.is_demo:
        return None
    issuer = settings.sign_in.issuer
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        answer = httpx.get(url, timeout=15, follow_redirects=True)
        answer.raise_for_status()
        answer.json()["authorization_endpoint"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return IssuerUnreachableError(
            f"sign_in.issuer = {issuer!r}: its discovery document {url} cannot be read ({why}); "
            "check the address, and that this machine reaches it."
        )
    return None
