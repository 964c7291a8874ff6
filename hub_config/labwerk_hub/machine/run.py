"""What the supervisor starts: each program takes this process's place.

Secrets come from their files here, so none stands in the supervisor's configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from labwerk_hub.machine import node
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.files import read_stamp
from labwerk_hub.machine.places import Places

if TYPE_CHECKING:
    from labwerk_hub.settings import Settings

#: What may be run; ``settle`` ends by itself, the others do not.
PROGRAMS = ("hub", "service", "helper", "proxy", "provider", "migrate", "settle")


def run(name: str, file: Path) -> None:
    """Run one program of an installation, whose settings' copy is ``file``.

    Returns only for programs that end by themselves. What is not needed is not imported,
    since this is part of every program's start.
    """
    places = Places(file.parent)
    # Sessions read what the helper makes; nobody else reads what the others make.
    os.umask(0o022 if name == "helper" else 0o077)
    if name == "hub":
        _become([sys.executable, "-m", "jupyterhub", "--config", places.hub_config])
    if name == "provider":
        config = places.run / "provider.json"
        _become([node.installed_node(places).node, node.provider_command(places), config])
    from labwerk_hub.settings import load_settings

    settings = load_settings(file)
    if name == "service":
        _run_service(settings, places)
    if name == "proxy":
        _run_proxy(settings, places)
    if name == "helper":
        from labwerk_hub.machine import helper

        helper.serve(settings)
    if name == "migrate":
        _migrate(settings, places)
    if name == "settle":
        from labwerk_hub import bootstrap
        from labwerk_hub.services import reconcile

        reconcile.settle(bootstrap.workbench(settings))


def _run_service(settings: Settings, places: Places) -> NoReturn:
    network = settings.network
    hub = f"http://{network.gateway}:{network.hub_port}"
    _become(
        [
            *(sys.executable, "-m", "uvicorn", "--factory", "labwerk_hub.api.app:create_app"),
            *("--host", network.gateway, "--port", str(network.service_port), "--no-access-log"),
            # A request that hangs, as on a hub that is frozen, must not keep the loops from ending.
            *("--timeout-graceful-shutdown", "2"),
        ],
        {
            "JUPYTERHUB_SERVICE_NAME": "labwerk",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/labwerk/",
            "JUPYTERHUB_SERVICE_URL": f"http://{network.gateway}:{network.service_port}",
            "JUPYTERHUB_CLIENT_ID": "service-labwerk",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_API_URL": f"{hub}/hub/api",
            "JUPYTERHUB_API_TOKEN": _secret(places, "service_token"),
        },
    )


def _run_proxy(settings: Settings, places: Places) -> NoReturn:
    from labwerk_hub.machine import reverse_proxy

    script = [node.installed_node(places).node, node.proxy_command(places)]
    token = _secret(places, reverse_proxy.TOKEN)
    _become([*script, *reverse_proxy.options(settings, places)], {"CONFIGPROXY_AUTH_TOKEN": token})


def _secret(places: Places, name: str) -> str:
    """One of the tokens. Raises MachineError if it was never made."""
    value = read_stamp(places.secrets / name)
    if not value:
        raise MachineError(f"The secret {places.secrets / name} is missing; run `up` again.")
    return value


def _become(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> NoReturn:
    words = [str(word) for word in command]
    os.execve(words[0], words, {**os.environ, **(environment or {})})


def _migrate(settings: Settings, places: Places) -> None:
    """Bring both databases to this version's tables; the hub makes its own at first start."""
    from labwerk_hub import bootstrap
    from labwerk_hub.adapters.sql import migrate

    migrate(bootstrap.database_url(settings))
    if places.hub_database.exists():
        from labwerk_hub.hub.database import upgrade

        upgrade(places.hub_database)
