"""JupyterHub's handlers whose doings are on record: none of their addresses is left to them."""

from __future__ import annotations

from jupyterhub.apihandlers import default_handlers
from labwerk_hub.hub import audit_handlers
from support.workbench import Bench


def test_every_address_of_a_handler_that_is_recorded_is_ours(bench: Bench) -> None:
    ours = {address: handler for address, handler, *_ in audit_handlers.handlers(bench.workbench)}
    recorded = {handler.__mro__[1] for handler in ours.values()}
    theirs = {address for address, handler in default_handlers if handler in recorded}
    assert theirs == set(ours)
