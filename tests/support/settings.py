"""The settings file of the tests' install: the shipped demo, moved and with a real-GPU corner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from support.environment import REPOSITORY
from support.nvml import Driver
from support.referee import Device

if TYPE_CHECKING:
    from support.postgres import Postgres

PUBLIC_PORT = 18000
PUBLIC_URL = f"http://127.0.0.1:{PUBLIC_PORT}"
PROVIDER_PORT = 19400
SHIPPED = REPOSITORY / "hub_config" / "labwerk.toml"


def flavour(
    name: str,
    title: str,
    slices: Mapping[str, str],
    *,
    cpus: float = 1.0,
    memory_gib: int = 2,
    longest_hours: int = 1,
    **more: int,
) -> str:
    """A flavour's table; ``slices`` maps models to profiles, and ``more`` are settings beside."""
    served = ", ".join(f'"{model}" = "{profile}"' for model, profile in slices.items())
    lines = [
        "[[flavours]]",
        f'name = "{name}"',
        f'title = "{title}"',
        *([f"slices = {{ {served} }}"] if slices else []),
        f"cpus = {cpus}",
        f"memory_gib = {memory_gib}",
        *(f"{key} = {value}" for key, value in more.items()),
        f"longest_hours = {longest_hours}",
    ]
    return "\n" + "\n".join(lines) + "\n"


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
""" + flavour("single", "The one slice", {"A30-24GB": "2g.12gb"})

#: The cards of the stand-in driver (see support/nvml), all in MIG mode and cut at start.
#: Of the first model, no flavour of the demo is cut.
BOARDS = ("H200-141GB", "H200-141GB", "RTX-PRO-6000-Blackwell-96GB")
#: Flavours that only those cards serve.
_DRIVEN = "".join(
    [
        flavour("cut", "A seventh, cut at start", {"H200-141GB": "1g.18gb"}),
        flavour("cut-half", "A half, cut at start", {"H200-141GB": "3g.71gb"}),
        flavour(
            "cut-rtx",
            "A half of twelve units, cut at start",
            {"RTX-PRO-6000-Blackwell-96GB": "2g.48gb-me"},
        ),
        flavour(
            "lively",
            "For those who do something",
            {"H200-141GB": "2g.35gb"},
            longest_hours=2,
            default_hours=1,
            idle_minutes=1,
        ),
    ]
)

#: A class: as many students, and not quite as many slices of a flavour that is theirs alone.
STUDENTS = tuple(f"student-{number:02}" for number in range(1, 31))
SEATS = 28
_CLASS = flavour("seat", "A seat in class", {"A100-80GB": "1g.10gb"})
_SEATED_GPU = """
[[gpus]]
name = "sim-class-{number}"
model = "A100-80GB"
simulated = true
layout = [{layout}]
"""
_STUDENT = """
[[demo.people]]
login = "{login}"
try = "One of thirty."
[demo.people.claims]
name = "{name}"
email = "{login}@th-rhein.example"
email_verified = true
locale = "en"
schac_home_organization = "th-rhein.example"
groups = ["course-storm"]
"""


def settings_text(state: Path, driver: Driver | None = None, **values: str | int) -> str:
    """The shipped settings with another state folder, user, ports, bridge and network.

    None of them is the shipped one: whoever relies on a default is found out. With a
    stand-in ``driver``, its GPUs are part of the pool, and there is a class of students.
    The shipped course, which ends on a day, goes on.
    """
    moved: dict[str, str | int | date] = {
        "[courses].last_day": datetime.now(UTC).date() + timedelta(days=100),
        "machine.state": str(state),
        "machine.user": "labwerk-t",
        "network.public_port": PUBLIC_PORT,
        "network.proxy_api_port": 18001,
        "network.hub_port": 18081,
        "network.service_port": 18082,
        "network.provider_port": PROVIDER_PORT,
        "network.bridge": "labwerk-t",
        "network.subnet": "10.214.0.0/24",
        "sessions.metering_period": 3,
        "sessions.start_timeout": 100,
        "sessions.intent_timeout": 110,
        "sessions.activity_period": 2,
        "sessions.idle_warning_minutes": 1,
        "waiting.hold_minutes": 1,
        "storage.backing": "btrfs-file",
        "storage.btrfs_file_gib": 8,
        "storage.home_gib": 1,
    }
    if driver is not None:
        moved |= {
            "pool.source": "nvml",
            "pool.nvml_library": str(driver.library),
            "pool.mig": "dynamic",
        }
    # One of the declared GPUs is real to the tests, and none of this machine's can compute.
    moved["images.variant"] = "cpu"
    text = replaced(SHIPPED.read_text(encoding="utf-8"), moved | _dotted(values))
    text = text.replace('files = ["datasets/', f'files = ["{SHIPPED.parent}/datasets/')
    return text + _MORE + (_DRIVEN + _class_of_students() if driver else "")


def on_server(text: str, server: Postgres, folder: Path) -> str:
    """Settings whose database is a new one of the server's; its password is kept in ``folder``."""
    password = folder / "database-password"
    password.write_text(f"{server.password}\n", encoding="utf-8")
    url = server.address(server.new_database(), with_password=False)
    return replaced(text, {"database.url": url, "database.password_file": str(password)})


def _class_of_students() -> str:
    layout = ", ".join(f'"1g.10gb@{start}"' for start in range(7))
    gpus = [_SEATED_GPU.format(number=n + 1, layout=layout) for n in range(SEATS // 7)]
    people = [
        _STUDENT.format(login=login, name=login.replace("-", " ").title()) for login in STUDENTS
    ]
    return "".join([_CLASS, *gpus, *people])


def replaced(text: str, values: Mapping[str, str | int | date]) -> str:
    """``text`` with other values for keys written ``table.key``; each must be there once.

    ``[table].key`` is the key of the first ``[[table]]``.
    """
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
