"""Draft an institution's own image: one folder and one entry of images.toml."""

from __future__ import annotations

from pathlib import Path

from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.catalogue import ImageError, images_folder, read_entries

_ENTRY = """
[[images]]
name = "{name}"
folder = "{name}"
base = "{base}"
title = {{ en = "{title}", de = "{title}", it = "{title}", fr = "{title}" }}
description = {{ en = "{about}", de = "{about}", it = "{about}", fr = "{about}" }}
"""
_REQUIREMENTS = """\
# What {name} holds beside {base}; `labwerk images lock {name}` makes requirements.lock of it.
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
    if not name.replace("-", "").isalnum() or name != name.lower() or not name.isascii():
        raise ImageError(f"{name!r} is no name of an image: use small letters, digits and hyphens.")
    folder = images_folder(checkout) / name
    if folder.exists() or any(entry.name == name for entry in catalogue.images):
        raise ImageError(f"There is an image or a folder named {name!r} already; choose another.")
    folder.mkdir()
    words = {"name": name, "base": base, "title": name.capitalize(), "about": f"{base}, and more."}
    write_whole(folder / "requirements.in", _REQUIREMENTS.format(**words))
    write_whole(folder / "packages.txt", _PACKAGES.format(**words))
    write_whole(folder / "promises.py", _PROMISES.format(**words))
    file = images_folder(checkout) / "images.toml"
    write_whole(file, file.read_text("utf-8").rstrip("\n") + "\n" + _ENTRY.format(**words))
    return folder
