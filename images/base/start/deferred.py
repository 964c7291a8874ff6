"""Defer modules that a single-user server imports at its start and then does not use.

Two groups of modules are named at the top of code that every server imports:

- The hub's own half of JupyterHub. ``jupyterhub.singleuser.extension``, which signs people
  in at their server, shares ``scopes``, ``metrics``, ``utils`` and ``log`` with the hub;
  these import the hub's database layer, SQLAlchemy and the hub's request handlers, for
  functions that no single-user server calls. They are a third of the start's CPU time.
- An HTTP client with which JupyterLab asks for lists of extensions; the image has no such
  lists (see jupyter_server_config.py).

While those imports run, stand-ins answer for these modules. A stand-in that is asked for a
name fetches it from the real module, so whatever does need one works as ever, only later.
No code of JupyterHub or JupyterLab is replaced or skipped: sign-in, scopes and activity
are checked by the very same lines.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

#: The modules, with the classes that others take from them by name while they are imported:
#: a server never raises the first, and no request handler of it is the second.
DEFERRED: Mapping[str, Mapping[str, type]] = {
    "sqlalchemy": {},
    "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "jupyterhub.handlers": {},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
    "requests": {},
}


class StandIn(ModuleType):
    """Answers for a module that is not imported until something asks for a name of it."""

    def __getattr__(self, name: str) -> object:
        if name == "__path__":  # asked by every `from ... import`; no answer means no package
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        """The module itself; its package must not meet stand-ins when it is imported."""
        _remove_stand_ins(self.__name__.partition(".")[0])
        return importlib.import_module(self.__name__)


@contextmanager
def deferred(modules: Mapping[str, Mapping[str, type]] = DEFERRED) -> Iterator[None]:
    """Imports in the body get stand-ins; those after it get the real modules."""
    for name, classes in modules.items():
        if name not in sys.modules:
            stand_in = StandIn(name)
            vars(stand_in).update(classes)
            sys.modules[name] = stand_in
    try:
        yield
    finally:
        for package in {name.partition(".")[0] for name in modules}:
            _remove_stand_ins(package)


def _remove_stand_ins(package: str) -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package and isinstance(module, StandIn):
            del sys.modules[name]
