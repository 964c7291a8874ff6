"""One command at a time changes an installation.

Standard library only. The lock is handed from ``python3 hub_config`` to the installed
command through the environment, so that nothing comes in between.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from labwerk_hub.machine.errors import BusyError
from labwerk_hub.machine.places import Places

_HANDED_ON = "LABWERK_LOCK"


def take(places: Places) -> int:
    """Take the lock and return its descriptor. Raises BusyError if somebody has it."""
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BusyError(
            f"Another command is changing the Labwerk in {places.state} right now; "
            "wait for its end, then try again."
        ) from None
    return descriptor


def hand_on(descriptor: int) -> dict[str, str]:
    """Let the lock outlive an ``exec``; the environment that tells the next program."""
    os.set_inheritable(descriptor, True)
    return {_HANDED_ON: str(descriptor)}


@contextmanager
def locked(places: Places) -> Iterator[None]:
    """Hold the lock, the one handed on if there is one."""
    handed = os.environ.pop(_HANDED_ON, "")
    if handed:
        descriptor = int(handed)
        os.set_inheritable(descriptor, False)  # programs that are started must not hold it
    else:
        descriptor = take(places)
    try:
        yield
    finally:
        os.close(descriptor)
