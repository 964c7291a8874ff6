"""The base image and a server of it; both serve every test of this part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from images.running import Hub, Server, running, stub_hub
from labwerk_hub.machine.images import ensure_image
from labwerk_hub.machine.log import Log
from support.engine import Engine
from support.environment import REPOSITORY
from support.plain_image import places


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """The base image's tag, as `up` would build it."""
    log = Log(places().logs / "images.log")
    return ensure_image("base", REPOSITORY, engine.client, places(), log, log.say)


@pytest.fixture(scope="session")
def hub(engine: Engine) -> Iterator[Hub]:
    """A hub that servers ask who somebody is."""
    with stub_hub(engine.client) as hub:
        yield hub


@pytest.fixture(scope="session")
def server(engine: Engine, base_image: str, hub: Hub) -> Iterator[Server]:
    """A server of the base image."""
    with running(engine.client, base_image, hub) as server:
        yield server
