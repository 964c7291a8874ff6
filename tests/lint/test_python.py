"""The Python of this repository keeps to the rules in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.environment import REPOSITORY, variables

BIN = Path(sys.executable).parent
OURS = [
    path
    for path in (
        "hub_config",
        "extensions/client",
        "extensions/lab/labwerk_lab",
        "images",
        "notebooks",
        "tests",
    )
    if (REPOSITORY / path).exists()
]
TYPED = ["hub_config/labwerk_hub", "extensions/client/labwerk", "extensions/lab/labwerk_lab"]


def check(*command: str, **more: str) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=REPOSITORY,
        env=variables() | more,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing_to_mend() -> None:
    check("ruff", "check", *OURS)


def test_every_file_is_formatted() -> None:
    check("ruff", "format", "--check", *OURS)


@pytest.mark.parametrize("folder", TYPED)
def test_types_hold_under_mypy_strict(folder: str) -> None:
    check("mypy", folder)


def test_the_tests_support_is_typed_too() -> None:
    check("mypy", "tests/support", "tests/bench", "tests/__main__.py")


def test_imports_point_one_way() -> None:
    check("lint-imports", "--no-cache", PYTHONPATH=str(REPOSITORY / "hub_config"))
