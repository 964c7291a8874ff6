"""Keep the hub's own half of JupyterHub out of a single-user server.

``jupyterhub.singleuser.extension`` is what signs people in at their server. The modules it
shares with the hub import the hub's database layer and request handlers at their top, more
than a third of the server's start, though no function that a single-user server calls
touches them:

- ``jupyterhub.scopes`` and ``.metrics`` import ``orm``, ``roles`` and SQLAlchemy, for
  functions of the hub;
- ``jupyterhub.log`` imports ``handlers.pages`` for the class of the hub's health check,
  so as not to log its requests;
- ``jupyterhub.utils`` imports ``SQLAlchemyError`` for a decorator of hub handlers.

While that one import runs, stand-ins answer for these modules. A stand-in that is asked
for a name fetches it from the real module, so code that does need the hub's half works as
ever, only later. Nothing of JupyterHub's own code is replaced or skipped: sign-in, scopes
and activity are checked by the very same lines.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

#: Modules that only the hub uses. The two with classes are asked for these while they are
#: imported; nothing in a single-user server raises the one or is an instance of the other.
HUB_SIDE: dict[str, dict[str, type]] = {
    "sqlalchemy": {},
    "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "jupyterhub.handlers": {},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
}


class StandIn(ModuleType):
    """Answers for a module that is not imported until something asks for a name of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def left_out() -> Iterator[None]:
    """Imports in the body get stand-ins; those after it get the real modules."""
    stand_ins: dict[str, ModuleType] = {}
    for name, classes in HUB_SIDE.items():
        stand_in = StandIn(name)
        vars(stand_in).update(classes)
        stand_ins[name] = stand_in
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            if sys.modules.get(name) is stand_ins[name]:
                del sys.modules[name]
