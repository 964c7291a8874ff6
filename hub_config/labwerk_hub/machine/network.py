"""The bridge that sessions live on: one Docker network, no session sees another."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import docker
from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from labwerk_hub.domain.container import LABEL_INSTANCE
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.settings import NetworkSettings

_BRIDGE = "com.docker.network.bridge.name"
_ICC = "com.docker.network.bridge.enable_icc"


def ensure_network(client: docker.DockerClient, network: NetworkSettings, instance: str) -> None:
    """Make the bridge network, or make it anew if its settings changed and nobody is on it.

    Raises MachineError if the name or the addresses belong to something else, or if
    sessions still run on the network that has to change.
    """
    try:
        there = client.networks.get(network.bridge)
    except NotFound:
        _create(client, network, instance)
        return
    attrs = there.attrs
    if (attrs.get("Labels") or {}).get(LABEL_INSTANCE) != instance:
        raise MachineError(
            f"network.bridge = {network.bridge!r}: the engine has a network of that name that is "
            "not this installation's; choose another name."
        )
    pools = attrs["IPAM"]["Config"] or [{}]
    if pools[0].get("Subnet") == network.subnet and attrs["Options"].get(_ICC) == "false":
        return
    if attrs["Containers"]:
        raise MachineError(
            f"network.subnet = {network.subnet!r}: sessions still run on the former network; "
            "stop them with `down`, then `up` again."
        )
    there.remove()
    _create(client, network, instance)


def _create(client: docker.DockerClient, network: NetworkSettings, instance: str) -> None:
    if taken := route_over(network):
        raise MachineError(
            f"network.subnet = {network.subnet!r} overlaps with {taken}, which this machine "
            "uses already; choose other addresses."
        )
    pool = IPAMPool(subnet=network.subnet, gateway=network.gateway)
    try:
        client.networks.create(
            network.bridge,
            driver="bridge",
            options={_BRIDGE: network.bridge, _ICC: "false"},
            ipam=IPAMConfig(pool_configs=[pool]),
            labels={LABEL_INSTANCE: instance},
            check_duplicate=True,
        )
    except APIError as error:
        raise MachineError(
            f"network.bridge = {network.bridge!r} with subnet {network.subnet!r} cannot be made: "
            f"{error.explanation}; choose another name or other addresses."
        ) from None


def remove_network(client: docker.DockerClient, bridge: str, instance: str) -> None:
    """Remove the bridge network if it is this installation's."""
    for found in client.networks.list(names=[bridge]):
        if (found.attrs.get("Labels") or {}).get(LABEL_INSTANCE) == instance:
            found.remove()


def route_over(network: NetworkSettings) -> str | None:
    """A route of this machine, not our bridge's, that overlaps with the subnet."""
    wanted = ipaddress.IPv4Network(network.subnet)
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[0] == network.bridge or fields[7] == "00000000":
            continue
        address, mask = (
            ipaddress.IPv4Address(bytes.fromhex(word)[::-1]) for word in (fields[1], fields[7])
        )
        route = ipaddress.IPv4Network(f"{address}/{mask}", strict=False)
        if route.overlaps(wanted):
            return f"{route} on {fields[0]}"
    return None
