"""What `check` says of the pool: as it is found, and of what sessions and reservations hold."""

from __future__ import annotations

import os
from collections.abc import Iterator

from labwerk_hub import bootstrap
from labwerk_hub.adapters.declared import models
from labwerk_hub.adapters.sql import is_current
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.reservations import loss
from labwerk_hub.errors import DatabaseError, GpuDriverError, LabwerkError
from labwerk_hub.machine.errors import PoolError
from labwerk_hub.machine.helper_gpus import gpus_here
from labwerk_hub.pool_checks import unserved
from labwerk_hub.services import reservations
from labwerk_hub.services.tables import Transaction
from labwerk_hub.settings import Settings


def pool_problems_here(settings: Settings) -> Iterator[LabwerkError]:
    """Every reason why the pool is not what the settings, sessions and reservations go by.

    Looking changes nothing. What sessions and reservations hold is only for root to see, and
    only once `up` has made the database as this version has it.
    """
    try:
        inventory = gpus_here(settings).read(fresh=True)
    except GpuDriverError as error:
        yield error
        return
    yield from map(PoolError, pool_problems(settings, inventory))
    if os.geteuid() != 0 or not bootstrap.has_database(settings):
        return
    try:
        if is_current(bootstrap.database_url(settings)):
            yield from map(PoolError, _of_what_is_held(settings, inventory))
    except DatabaseError as error:
        if not settings.database.url:  # a server's is told of already
            yield error


def pool_problems(settings: Settings, inventory: Inventory) -> list[str]:
    """What is wrong with the pool as it is found now, one sentence each.

    ``inventory`` is what the workbench's ``inventory.read(fresh=True)`` gives: the
    declared GPUs and those of the driver. Beyond the settings file alone, this tells
    GPUs with a fault, GPUs that are both declared and found, and flavours that nothing
    serves.
    """
    problems = [
        f"{gpu.name} ({gpu.model.name}) {gpu.fault}." for gpu in inventory.gpus if gpu.fault
    ]
    known = {*models(), *(gpu.model.name for gpu in inventory.gpus)}
    for number, flavour in enumerate(settings.flavours, 1):
        place = f"{settings.path}: flavours[{number}] “{flavour.name}”.slices = {flavour.slices!r}"
        if reason := unserved(flavour.slices, inventory):
            problems.append(f"{place}: {reason}.")
        problems += [
            f"{place}: {model} is neither a model of the geometry table nor of this pool."
            for model in flavour.slices
            if model not in known
        ]
    for model in settings.pool.weights:
        if model not in known:
            problems.append(
                f"{settings.path}: pool.weights = {model!r}: is neither a model of the geometry "
                "table nor of this pool."
            )
    return problems


def _of_what_is_held(settings: Settings, inventory: Inventory) -> list[str]:
    workbench = bootstrap.workbench(settings)
    with workbench.database.reading() as tx:
        current = tx.reservations.current(to_ms(workbench.clock()))
        return [
            *_of_sessions(tx, inventory),
            *reservations.problems(workbench, inventory, current),
        ]


def _of_sessions(tx: Transaction, inventory: Inventory) -> Iterator[str]:
    for lease in tx.leases.unended():
        if lease.slice is not None and (reason := loss(lease.slice, inventory)) is not None:
            held = f"{lease.slice.profile}@{lease.slice.start} of {lease.slice.gpu}"
            yield (
                f"{lease.person} holds {held} with the session {lease.session}, but {reason}; "
                "ask them to stop and start it again, it cannot go on there."
            )
