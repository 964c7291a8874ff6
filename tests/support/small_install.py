"""What `up` leaves behind, as far as commands about the pool need it: files, no programs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from click.testing import CliRunner
from labwerk_hub import bootstrap
from labwerk_hub.adapters.sql import migrate
from labwerk_hub.cli import labwerk
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.errors import LabwerkError
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Origin
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings, load_settings

from support.accounts import identity
from support.environment import REPOSITORY
from support.settings import flavour

HOUR_MS = 3_600_000
#: A GPU of each kind: fixed slices, cut at start, twelve units, shared in time.
POOL = """
[[gpus]]
name = "fixed"
model = "H100-80GB"
simulated = true
layout = ["1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4"]

[[gpus]]
name = "cut"
model = "H100-80GB"
simulated = true
dynamic = true

[[gpus]]
name = "twelve"
model = "RTX-PRO-6000-Blackwell-96GB"
simulated = true
layout = ["1g.24gb@0", "1g.24gb@3", "2g.48gb@6"]

[[gpus]]
name = "shared"
model = "A30-24GB"
simulated = true
shares = 4
"""
_REST = """
[machine]
state = "{state}"
timezone = "Europe/Berlin"

[sign_in]
issuer = "demo"

[[institutions]]
name = "thr"
title = "Rhine Technical University"
domains = ["th-rhein.example"]
gpu_hours = 400
person_gpu_hours = 60

[[projects]]
name = "rotor"
title = "Rotor"
group = "project-rotor"

[[demo.people]]
login = "anna"
try = "Try it."
[demo.people.claims]
name = "Anna Müller"
"""
_FLAVOURS = "".join(
    [
        flavour(
            "small", "Small GPU slice", {"H100-80GB": "1g.10gb"}, memory_gib=3, longest_hours=8
        ),
        flavour(
            "large",
            "Half a GPU",
            {"H100-80GB": "3g.40gb", "RTX-PRO-6000-Blackwell-96GB": "2g.48gb"},
            cpus=2.0,
            memory_gib=6,
            longest_hours=4,
        ),
        flavour("share", "A share of a GPU", {"A30-24GB": "shared-4"}, longest_hours=4),
        flavour("cpu", "No GPU", {}, longest_hours=4, ticks=0),
    ]
)


@dataclass(frozen=True)
class Answer:
    """What a command wrote, and its exit code."""

    text: str
    code: int


@dataclass(frozen=True)
class SmallInstall:
    """The installation; ``file`` is its settings file."""

    file: Path
    settings: Settings
    workbench: Workbench

    @property
    def now_ms(self) -> int:
        """The time now."""
        return int(self.workbench.clock().timestamp() * 1000)

    def run(self, *words: str) -> Answer:
        """Run a command of `labwerk` on it; an error of ours is its sentence."""
        with mock.patch.dict(os.environ):  # a command is a process of its own, elsewhere
            result = CliRunner().invoke(labwerk, [*words, "--settings", str(self.file)])
        if isinstance(result.exception, LabwerkError):
            return Answer(result.exception.message, 1)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.output, result.exit_code)

    def with_pool(self, pool: str) -> SmallInstall:
        """The same with other GPUs, as after an edit of the file and a `restart`."""
        return install(self.file.parent, pool)

    def hold(self, slice_: Slice, flavour: str = "small", hours: int = 4) -> Lease:
        """A running session of somebody new on ``slice_``."""
        now = self.now_ms
        with self.workbench.database.writing() as tx:
            number = len(tx.leases.unended()) + 1
            who = identity("course", subject=str(number))
            person = tx.people.add(who, f"thr--anna-{number}")
            lease = Lease(
                session=f"lw-{number:012x}",
                person=person.name,
                institution="thr",
                flavour=flavour,
                image="base",
                slice=slice_,
                ticks_per_second=3,
                state=LeaseState.INTENDED,
                intended_ms=now,
                ends_ms=now + hours * HOUR_MS,
                longest_ms=now + hours * HOUR_MS,
            )
            tx.leases.add(lease)
            tx.leases.set_live(lease.session, now)
        return lease


def install(folder: Path, pool: str = POOL) -> SmallInstall:
    """Make one in ``folder``, or take up the one that is there with another pool."""
    state, file = folder / "state", folder / "labwerk.toml"
    (state / "run").mkdir(parents=True, exist_ok=True)
    file.write_text(_REST.format(state=state) + _FLAVOURS + pool, encoding="utf-8")
    settings, places = load_settings(file), Places(state)
    shutil.copy(file, places.settings)
    Origin(REPOSITORY, file, f"unix://{folder}/no-engine.sock").write(places.origin)
    migrate(bootstrap.database_url(settings))
    return SmallInstall(file, settings, bootstrap.workbench(settings))
