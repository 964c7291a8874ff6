"""The base image and a server of it; both serve every test of this part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from images.running import Hub, Server, running, stub_hub
from support.engine import Engine
from support.images import built


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """The base image's tag, as `up` would build it."""
    return built(engine.client, "base")


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
