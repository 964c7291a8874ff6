"""The root helper, running in the tests' own process on folders of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labwerk_hub.machine import mounts
from labwerk_hub.machine.accounts import ensure_folders
from labwerk_hub.machine.helper import open_server
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import Settings, load_settings
from pydantic import BaseModel

from support.settings import SHIPPED


def settings_in(folder: Path, **tables: BaseModel) -> Settings:
    """The shipped settings with their state in ``folder``, `nobody` as user, and these tables."""
    shipped = load_settings(SHIPPED)
    machine = shipped.machine.model_copy(update={"state": folder / "state", "user": "nobody"})
    return shipped.model_copy(update={"machine": machine, **tables})


@contextmanager
def folders_of(settings: Settings) -> Iterator[Places]:
    """The state's folders; nothing is mounted there any more at the end."""
    places = Places(settings.machine.state)
    places.state.mkdir()
    ensure_folders(settings.machine.user, places)
    try:
        yield places
    finally:
        mounts.unmount_all(places.data)


@contextmanager
def root_helper(settings: Settings) -> Iterator[None]:
    """Have it answer until the end; the state's folders must be there."""
    with open_server(settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
