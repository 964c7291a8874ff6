"""Draft an institution's own image: one folder and one entry of images.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.catalogue import NAME, ImageError, images_folder, read_entries

_ENTRY = """
[[images]]
name = "{name}"
folder = "{name}"
base = "{base}"
title = {{ en = "{title}", de = "{title}", it = "{title}", fr = "{title}" }}
description = {{ en = "{about}", de = "{about}", it = "{about}", fr = "{about}" }}
"""
_REQUIREMENTS = """\
# What {name} holds beside {base}; `images lock {name}` makes requirements.lock of it.
# networkx
"""
_PACKAGES = """\
# Debian packages that {name} holds beside {base}, one a line.
"""
_PROMISES = '''\
"""What the image {name} promises: each function runs inside it, and must not even warn."""


def test_computes() -> None:
    import numpy

    assert numpy.arange(4).sum() == 6
'''


def draft(name: str, base: str, checkout: Path) -> Path:
    """Write the folder and the entry of a new image on ``base``; the folder.

    Raises :class:`ImageError` if there is such an image or folder, or no such base, or the
    name is not of small letters, digits and hyphens.
    """
    catalogue = read_entries(checkout)
    catalogue.entry(base)
    if not NAME.fullmatch(name):
        raise ImageError(f"{name!r} is no name of an image: use small letters, digits and hyphens.")
    folder = images_folder(checkout) / name
    if folder.exists() or any(entry.name == name for entry in catalogue.images):
        raise ImageError(f"There is an image or a folder named {name!r} already; choose another.")
    words = {"name": name, "base": base, "title": name.capitalize(), "about": f"{base}, and more."}
    fresh = folder.with_name(f".{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    write_whole(fresh / "requirements.in", _REQUIREMENTS.format(**words))
    # Nothing is asked for yet, so nothing has to be looked up.
    write_whole(fresh / "requirements.lock", "")
    write_whole(fresh / "packages.txt", _PACKAGES.format(**words))
    write_whole(fresh / "promises.py", _PROMISES.format(**words))
    fresh.replace(folder)
    file = images_folder(checkout) / "images.toml"
    write_whole(file, file.read_text("utf-8").rstrip("\n") + "\n" + _ENTRY.format(**words))
    return folder
