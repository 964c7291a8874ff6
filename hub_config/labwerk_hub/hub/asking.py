"""Who asks for what the hub is doing now.

JupyterHub tells a spawner who starts it, but not who stops it. A context variable set by
the handler reaches all that the request does, the stop it waits for among them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

_asking: ContextVar[str | None] = ContextVar("labwerk_asking", default=None)


def remember(current_user: Any) -> None:
    """``current_user`` (a user or a service of JupyterHub) asks for what follows."""
    _asking.set(name_of(current_user))


def who() -> str | None:
    """The hub user name of the person who asks; None for a service, or nobody."""
    return _asking.get()


def name_of(current_user: Any) -> str | None:
    """The hub user name of a person; None for a service, or nobody."""
    return current_user.name if getattr(current_user, "kind", "") == "user" else None
