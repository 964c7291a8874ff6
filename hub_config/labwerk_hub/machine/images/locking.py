"""Make an image's lock files from what its requirements.in asks for."""

from __future__ import annotations

import os
from pathlib import Path

from labwerk_hub.machine.environment import tool_environment
from labwerk_hub.machine.errors import CommandError, InstallError
from labwerk_hub.machine.images.catalogue import VARIANTS, ImageError, images_folder, read_entries
from labwerk_hub.machine.images.wheelhouse import PYTHON, ensure_build_environment
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places


def write_locks(name: str, checkout: Path, places: Places, log: Log) -> tuple[Path, ...]:
    """Write the lock files of one image; the files that were written.

    ``requirements.in`` is locked, or for an image with variants ``requirements-cpu.in`` and
    ``requirements-gpu.in``. What is locked already stays at its version where it can, and
    what the image below has stays at that one's. Raises :class:`InstallError` if there is
    no solution, or the package index cannot be reached.
    """
    catalogue = read_entries(checkout)
    entry = catalogue.entry(name)
    root = images_folder(checkout)
    folder = root / entry.folder
    uv = ensure_build_environment(checkout, places, log).parent / "uv"
    written = []
    for variant in VARIANTS if entry.has_variants else VARIANTS[:1]:
        lock = folder / entry.lock.format(variant=variant)
        asked = lock.with_suffix(".in")
        if not asked.is_file():
            raise ImageError(f"{asked} is missing: it says what the image is to hold.")
        constraints: list[str | Path] = []
        if entry.base:
            below = catalogue.entry(entry.base)
            below_lock = root / below.folder / below.lock.format(variant=variant)
            constraints = ["--constraints", os.path.relpath(below_lock, folder)]
        try:
            log.run(
                [
                    *(uv, "pip", "compile", "--python-version", PYTHON, "--generate-hashes"),
                    *("--no-emit-index-url", "--no-emit-find-links", "--quiet"),
                    *("--overrides", os.path.relpath(root / "overrides.txt", folder)),
                    *(*constraints, asked.name, "--output-file", lock.name),
                ],
                env={
                    **tool_environment(uv.with_name("python")),
                    "UV_CUSTOM_COMPILE_COMMAND": f"labwerk images lock {name}",
                },
                cwd=folder,
            )
        except CommandError as error:
            raise InstallError(
                f"{asked} could not be locked ({error.reason}); all output is in {error.log}."
            ) from None
        written.append(lock)
    return tuple(written)
