"""The firewall's text: what may pass is named, the rest is dropped, for one bridge alone."""

from labwerk_hub.machine.firewall import METADATA, rules
from labwerk_hub.settings import NetworkSettings, load_settings
from support.settings import SHIPPED

NETWORK = load_settings(SHIPPED).network


def _chain(network: NetworkSettings, kind: str) -> list[str]:
    start = f"-A LW-{network.bridge}-{kind} "
    return [
        line.removeprefix(start) for line in rules(network).splitlines() if line.startswith(start)
    ]


def _with(**values: object) -> NetworkSettings:
    return NETWORK.model_validate(NETWORK.model_dump() | values)


def test_of_this_machine_sessions_reach_the_hub_and_the_service_only() -> None:
    established, hub, service, rest = _chain(NETWORK, "IN")
    assert established.endswith("ESTABLISHED,RELATED -j ACCEPT")
    assert hub == f"-s {NETWORK.subnet} -d 10.213.0.1/32 -p tcp --dport 8081 -j ACCEPT"
    assert service == f"-s {NETWORK.subnet} -d 10.213.0.1/32 -p tcp --dport 8082 -j ACCEPT"
    assert rest == "-j DROP"


def test_metadata_addresses_are_dropped_whatever_the_egress() -> None:
    for egress in ("none", "list", "open"):
        first = _chain(_with(egress=egress, egress_allow=["0.0.0.0/0"]), "FWD")[: len(METADATA)]
        assert first == [f"-d {address} -j DROP" for address in METADATA]


def test_sessions_do_not_reach_one_another() -> None:
    assert f"-o {NETWORK.bridge} -j DROP" in _chain(NETWORK, "FWD")


def test_open_egress_leaves_the_rest_to_the_engine() -> None:
    assert "-j DROP" not in _chain(_with(egress="open"), "FWD")


def test_without_egress_everything_beyond_is_dropped() -> None:
    chain = _chain(_with(egress="none", egress_allow=["192.0.2.0/24"]), "FWD")
    assert chain[-1] == "-j DROP"
    assert not any("192.0.2.0/24" in rule for rule in chain)


def test_listed_egress_passes_the_list_and_drops_the_rest() -> None:
    chain = _chain(_with(egress="list", egress_allow=["192.0.2.0/24", "198.51.100.7/32"]), "FWD")
    assert chain[-3:] == ["-d 192.0.2.0/24 -j RETURN", "-d 198.51.100.7/32 -j RETURN", "-j DROP"]
