"""JupyterHub's own database."""

from __future__ import annotations

import logging
from pathlib import Path

from jupyterhub import dbutil


def upgrade(database: Path) -> None:
    """Bring it to this JupyterHub's tables, with a copy kept beside it."""
    dbutil.upgrade_if_needed(f"sqlite:///{database}", backup=True, log=logging.getLogger())
