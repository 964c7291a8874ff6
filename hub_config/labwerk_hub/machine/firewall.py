"""Firewall rules for the sessions' bridge, and for nothing else.

From a session only the hub and the hub service on the bridge's gateway can be reached,
never this machine's other addresses, another session or a cloud's metadata service; what
lies beyond the machine is a setting. Everything is in chains named after the bridge, and
each chain is replaced in one step.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess

from labwerk_hub.machine.errors import CommandError, MachineError
from labwerk_hub.machine.log import Log
from labwerk_hub.settings import NetworkSettings

#: Where clouds answer with a machine's own credentials: link-local, Alibaba, Oracle.
METADATA = ("169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32")
#: Azure's, which is the name server too: names stay, the rest does not.
_METADATA_WITH_NAMES = "168.63.129.16/32"


def input_chain(bridge: str) -> str:
    """The chain for what sessions send to this machine itself."""
    return f"LW-{bridge}-IN"


def forward_chain(bridge: str) -> str:
    """The chain for what sessions send beyond it."""
    return f"LW-{bridge}-FWD"


def rules(network: NetworkSettings) -> str:
    """The chains as ``iptables-restore`` reads them."""
    inward, onward = input_chain(network.bridge), forward_chain(network.bridge)
    established = "-m conntrack --ctstate ESTABLISHED,RELATED"
    lines = ["*filter", f":{inward} - [0:0]", f":{onward} - [0:0]"]
    lines.append(f"-A {inward} {established} -j ACCEPT")
    lines += [
        f"-A {inward} -s {network.subnet} -d {network.gateway}/32 -p tcp --dport {port} -j ACCEPT"
        for port in (network.hub_port, network.service_port)
    ]
    lines.append(f"-A {inward} -j DROP")
    lines += [f"-A {onward} -d {address} -j DROP" for address in METADATA]
    lines.append(f"-A {onward} -d {_METADATA_WITH_NAMES} -p tcp -m tcp ! --dport 53 -j DROP")
    lines.append(f"-A {onward} -o {network.bridge} -j DROP")
    if network.egress != "open":
        lines.append(f"-A {onward} {established} -j RETURN")
        allowed = network.egress_allow if network.egress == "list" else ()
        lines += [f"-A {onward} -d {address} -j RETURN" for address in allowed]
        lines.append(f"-A {onward} -j DROP")
    return "\n".join([*lines, "COMMIT", ""])


def _rules_v6(network: NetworkSettings) -> str:
    """Sessions have no IPv6; the bridge's link-local address must not answer them either."""
    inward, onward = input_chain(network.bridge), forward_chain(network.bridge)
    chains = [f":{inward} - [0:0]", f":{onward} - [0:0]"]
    drops = [f"-A {inward} -j DROP", f"-A {onward} -j DROP"]
    return "\n".join(["*filter", *chains, *drops, "COMMIT", ""])


def ensure_firewall(network: NetworkSettings, log: Log) -> None:
    """Install or renew the rules, first in their tables. Raises MachineError if it fails."""
    if shutil.which("iptables-restore") is None:
        raise MachineError(
            "There is no iptables here, which keeps sessions apart; run "
            "`apt-get install iptables`, then `up` again."
        )
    try:
        _apply("iptables", rules(network), network.bridge, log)
        if _works("ip6tables"):
            _apply("ip6tables", _rules_v6(network), network.bridge, log)
    except CommandError as error:
        raise MachineError(
            f"The firewall rules for network.bridge = {network.bridge!r} cannot be set "
            f"({error.reason}); all output is in {error.log}."
        ) from None


def _apply(tool: str, text: str, bridge: str, log: Log) -> None:
    log.run([f"{tool}-restore", "--wait", "10", "--noflush"], stdin=text)
    _lead(tool, "INPUT", bridge, input_chain(bridge), log)
    _lead(tool, _forward_table(tool), bridge, forward_chain(bridge), log)


def _forward_table(tool: str) -> str:
    """Docker's own chain for rules that must come before its, or the kernel's without it."""
    return "DOCKER-USER" if _listed(tool, "DOCKER-USER") is not None else "FORWARD"


def _lead(tool: str, chain: str, bridge: str, target: str, log: Log) -> None:
    """Let a chain's first rule jump to ours; later copies of the rule are removed."""
    listed = _listed(tool, chain) or []
    places = [
        number for number, line in enumerate(listed, 1) if line == _jump(chain, bridge, target)
    ]
    if not _leads(listed, _jump(chain, bridge, target)):
        log.run([tool, "--wait", "10", "-I", chain, "1", "-i", bridge, "-j", target])
        places = [1, *(number + 1 for number in places)]
    for number in reversed(places[1:]):
        log.run([tool, "--wait", "10", "-D", chain, str(number)])


def _jump(chain: str, bridge: str, target: str) -> str:
    return f"-A {chain} -i {bridge} -j {target}"


def _leads(listed: list[str], jump: str) -> bool:
    """Whether a rule stands before all but the like rules of other bridges of Labwerk."""
    before = itertools.takewhile(lambda line: line != jump, listed)
    return jump in listed and all(" -j LW-" in line for line in before)


def _listed(tool: str, chain: str) -> list[str] | None:
    """A chain's rules in order; None if there is no such chain."""
    done = subprocess.run(
        [tool, "--wait", "10", "-S", chain], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return None
    return [line for line in done.stdout.splitlines() if line.startswith("-A")]


def _works(tool: str) -> bool:
    return shutil.which(tool) is not None and _listed(tool, "INPUT") is not None


def remove_firewall(bridge: str, log: Log) -> None:
    """Remove the rules and chains of a bridge, as far as they are there."""
    for tool in ("iptables", "ip6tables"):
        if not _works(tool):
            continue
        for target in (input_chain(bridge), forward_chain(bridge)):
            for chain in ("INPUT", "DOCKER-USER", "FORWARD"):
                for _ in range((_listed(tool, chain) or []).count(_jump(chain, bridge, target))):
                    log.run([tool, "--wait", "10", "-D", chain, "-i", bridge, "-j", target])
            if _listed(tool, target) is not None:
                log.run([tool, "--wait", "10", "-F", target])
                log.run([tool, "--wait", "10", "-X", target])


def is_in_place(bridge: str) -> bool:
    """Whether the rules stand where they must; a restart of the machine removes them."""
    tools = [tool for tool in ("iptables", "ip6tables") if _works(tool)]
    return "iptables" in tools and all(_guards(tool, bridge) for tool in tools)


def _guards(tool: str, bridge: str) -> bool:
    ways = [
        ("INPUT", input_chain(bridge)),
        (_forward_table(tool), forward_chain(bridge)),
    ]
    return all(
        _listed(tool, target) and _leads(_listed(tool, chain) or [], _jump(chain, bridge, target))
        for chain, target in ways
    )
