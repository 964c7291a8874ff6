"""The settings file of the tests' install: the shipped demo, moved and with a real-GPU corner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from support.environment import REPOSITORY
from support.referee import Device

PUBLIC_PORT = 18000
PUBLIC_URL = f"http://127.0.0.1:{PUBLIC_PORT}"
PROVIDER_PORT = 19400
SHIPPED = REPOSITORY / "hub_config" / "labwerk.toml"

#: A fourth GPU, declared as real, with a device name for each slice of its layout: the
#: engine is then asked for devices and the referee judges every start. Its driver is
#: nowhere, so nothing can be computed on it. The demo's three stay as they are shipped.
REAL_GPU = "real-a30"
_DEVICE = "MIG-5d1f9c1e-0000-4000-8000-00000000000{}"
DEVICES = {
    _DEVICE.format(0): Device(REAL_GPU, (0, 1)),
    _DEVICE.format(1): Device(REAL_GPU, (2,)),
    _DEVICE.format(2): Device(REAL_GPU, (3,)),
}
#: The device behind the flavour `single`, which only one slice of the whole pool serves:
#: two people can race for it.
LAST_DEVICE = _DEVICE.format(0)
_MORE = f"""
[[gpus]]
name = "{REAL_GPU}"
model = "A30-24GB"
layout = ["2g.12gb@0", "1g.6gb@2", "1g.6gb@3"]
devices = [{", ".join(f'"{device}"' for device in DEVICES)}]

[[flavours]]
name = "single"
title = "The one slice"
slices = {{ "A30-24GB" = "2g.12gb" }}
cpus = 1.0
memory_gib = 2
longest_hours = 1
"""


def settings_text(state: Path, **values: str | int) -> str:
    """The shipped settings with another state folder, user, ports, bridge and network.

    None of them is the shipped one: whoever relies on a default is found out.
    """
    moved: dict[str, str | int] = {
        "machine.state": str(state),
        "machine.user": "labwerk-t",
        "network.public_port": PUBLIC_PORT,
        "network.proxy_api_port": 18001,
        "network.hub_port": 18081,
        "network.service_port": 18082,
        "network.provider_port": PROVIDER_PORT,
        "network.bridge": "labwerk-t",
        "network.subnet": "10.214.0.0/24",
        "sessions.metering_period": 5,
    }
    text = replaced(SHIPPED.read_text(encoding="utf-8"), moved | _dotted(values))
    text = text.replace('files = ["datasets/', f'files = ["{SHIPPED.parent}/datasets/')
    return text + _MORE


def replaced(text: str, values: Mapping[str, str | int]) -> str:
    """``text`` with other values for keys written ``table.key``; each must be there once."""
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        start = text.index(f"\n[{table}]\n")
        written = f'"{value}"' if isinstance(value, str) else str(value)
        changed, count = re.subn(
            rf"(?m)^{name} = .*$", f"{name} = {written}", text[start:], count=1
        )
        assert count == 1, f"the shipped settings have no {key}"
        text = text[:start] + changed
    return text


def _dotted(values: Mapping[str, str | int]) -> dict[str, str | int]:
    return {name.replace("__", "."): value for name, value in values.items()}
