"""A plugin for pytest in the image: of JupyterHub's tests, those that start a server.

They are found by what they do, so that those of a later version are found, too. None is
changed; they are told another Python, which is the shell script beside this file.
"""

from __future__ import annotations

import inspect
import sys

import pytest

#: How tests name the command of a single-user server.
_COMMANDS = ("jupyterhub.singleuser'", "jupyterhub-singleuser'")


def pytest_configure() -> None:
    sys.executable = "/upstream/python"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    others = [item for item in items if not _starts_a_server(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _starts_a_server(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    source = inspect.getsource(item.function)
    return "full_spawn" in item.fixturenames or any(command in source for command in _COMMANDS)
