"""What the server expects of the person's home, which is empty the first time."""

from __future__ import annotations

import os
from pathlib import Path


def make_data_folder() -> None:
    """Make the folder where Jupyter keeps its data; the server's database of files is in it."""
    folder = Path(os.environ.get("HOME", "/")) / ".local" / "share" / "jupyter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # the disk is full, say: the server starts without that database
        print(f"labwerk: {folder} cannot be made: {error}", flush=True)
