"""Python that is no part of a package: files of the repository, and a few lines of a test."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType


def module_of(file: Path) -> ModuleType:
    """A script as a module of its name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def output_of(code: str, folder: Path) -> str:
    """What ``code`` writes in a process of its own, which finds the packages in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
