"""Labwerk's programs: what each runs, as whom, and with which environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labwerk_hub.machine import engine, node, reverse_proxy
from labwerk_hub.machine.files import read_stamp
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.prepared import provider_stamp, run_stamp
from labwerk_hub.settings import Settings

#: Tells our processes from others: every program has it in its environment.
INSTANCE_VARIABLE = "LABWERK_INSTANCE"
PROGRAM_VARIABLE = "LABWERK_PROGRAM"
_PRIVILEGED_BELOW = 1024
#: Open pages and kernels hang on the proxy; the demo's provider forgets who is signed in.
_LASTING = ("proxy", "provider")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Program:
    """One program under the supervisor.

    ``user`` is empty for root. ``stop_seconds`` is how long it may take to end by itself.
    A ``lasting`` one is started anew only if something that it is made of has changed.
    """

    name: str
    command: tuple[str, ...]
    user: str
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 10
    lasting: bool = False


def programs(settings: Settings, places: Places) -> tuple[Program, ...]:
    """All programs of an installation, in the order they are started."""
    names = ["provider"] if settings.sign_in.is_demo else []
    names += ["helper", "proxy", "service", "hub"]
    return tuple(_program(name, settings, places) for name in names)


def _program(name: str, settings: Settings, places: Places) -> Program:
    command: tuple[str, ...] = (str(places.labwerk), "run", name)
    user = "" if name == "helper" else settings.machine.user
    if name == "proxy" and settings.network.public_port < _PRIVILEGED_BELOW:
        command, user = (*_allowed_low_ports(settings.machine.user), *command), ""
    lasting = name in _LASTING
    return Program(
        name=name,
        command=command,
        user=user,
        environment={
            "LABWERK_SETTINGS": str(places.settings),
            INSTANCE_VARIABLE: places.instance,
            PROGRAM_VARIABLE: name,
            "LABWERK_BUILD": _build(name, settings, places),
            "PATH": f"{places.env}/bin:{SYSTEM_PATH}",
            "HOME": str(places.state),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # Those that last reach neither, and need not end when they change.
            **({} if lasting else {**engine.environment(), **_network_environment()}),
        },
        lasting=lasting,
    )


def one_off(name: str, settings: Settings, places: Places) -> Program:
    """A part of ``labwerk run`` that ends by itself and is not under the supervisor."""
    return _program(name, settings, places)


def _build(name: str, settings: Settings, places: Places) -> str:
    """What the program is made of: a change of it restarts the program, and only it."""
    if name == "proxy":
        return reverse_proxy.stamp(settings, places)[:16]
    if name == "provider":
        made_of = [provider_stamp(places), node.program_stamp(places, name)]
    else:
        package = read_stamp(places.env / ".package")
        made_of = [package, places.env.resolve().name, run_stamp(places)]
    return "-".join(part[:16] for part in made_of)


def _network_environment() -> dict[str, str]:
    """An administrator's proxy and CA for reaching the issuer."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
    every = [name for upper in names for name in (upper, upper.lower())]
    return {name: os.environ[name] for name in every if os.environ.get(name)}


def _allowed_low_ports(user: str) -> tuple[str, ...]:
    """Start as the system user that may bind ports below 1024, as 443 is."""
    setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
    return (
        setpriv, "--reuid", user, "--regid", user, "--init-groups",
        "--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service", "--",
    )  # fmt: skip


def log_of(places: Places, name: str) -> Path:
    """The log file of a program."""
    return places.logs / f"{name}.log"
