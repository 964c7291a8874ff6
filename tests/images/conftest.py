"""The base image and a server of it; both serve every test of this part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

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


@pytest.fixture(scope="module")
def server_of(engine: Engine, hub: Hub) -> Iterator[Callable[[str], Server]]:
    """A server of an image; one serves all its tests in a file."""
    with ExitStack() as stack:

        @cache
        def server(name: str) -> Server:
            image = built(engine.client, name)
            return stack.enter_context(running(engine.client, image, hub, cpus=2))

        yield server
