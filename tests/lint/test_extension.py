"""The Lab extension passes its own linters and its own tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from support.environment import REPOSITORY
from support.node import jlpm_runner


@pytest.fixture(scope="module")
def jlpm() -> Callable[..., subprocess.CompletedProcess[str]]:
    return jlpm_runner(REPOSITORY / "extensions" / "lab")


@pytest.mark.parametrize("script", ["lint:check", "test", "build:lib"])
def test_the_extension_passes(
    jlpm: Callable[..., subprocess.CompletedProcess[str]], script: str
) -> None:
    done = jlpm("run", script)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
