"""Turn the notebooks' sources into notebooks, one set per language.

``python3 notebooks/render.py DESTINATION`` writes ``DESTINATION/<language>/*.ipynb``.
Standard library only, so that it runs before anything is installed.

A source is one TOML file with its four languages side by side:

* ``image``: the image that the notebook wants, kept in its metadata as ``labwerk.image``;
* ``file`` and ``[words]``: the notebook's name, and words that code cells use as
  ``{{word}}`` (axis labels and comments), each in every language;
* ``[[cells]]``: ``code``, the same for all languages, or a text in every language.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LANGUAGES = ("en", "de", "it", "fr")
IMAGES = ("base", "pytorch", "rapids", "simulation")
WORD = re.compile(r"\{\{(\w+)\}\}")


class RenderError(Exception):
    """A source is not what it should be; the message says where and what is missing."""


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook in one language."""

    kind: str
    text: str


@dataclass(frozen=True)
class Source:
    """A notebook's source as read."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a source file.

        Raises:
            RenderError: the file is not TOML.
        """
        try:
            return cls(path, tomllib.loads(path.read_text("utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise RenderError(f"{path.name}: {error}") from error

    def name(self, language: str) -> str:
        """The notebook's file name in one language."""
        return self._text("file", self.content.get("file", {}), language) + ".ipynb"

    def image(self) -> str:
        """The name of the image that the notebook wants.

        Raises:
            RenderError: the source names none, or one that there is not.
        """
        image = self.content.get("image")
        if image not in IMAGES:
            known = ", ".join(IMAGES)
            raise RenderError(f"{self.path.name}: image is {image!r}: name one of {known}.")
        return str(image)

    def cells(self, language: str) -> list[Cell]:
        """The notebook's cells in one language.

        Raises:
            RenderError: a text is missing in this language, or a word is unknown.
        """
        found = []
        for number, cell in enumerate(self.content.get("cells", []), start=1):
            if "code" in cell:
                found.append(Cell("code", self._fill(cell["code"], language)))
            else:
                found.append(Cell("markdown", self._text(f"cell {number}", cell, language)))
        return [Cell(cell.kind, cell.text.strip("\n")) for cell in found]

    def _fill(self, code: str, language: str) -> str:
        words: Mapping[str, Mapping[str, str]] = self.content.get("words", {})
        return WORD.sub(
            lambda match: self._text(f"word {match[1]}", words.get(match[1], {}), language), code
        )

    def _text(self, place: str, texts: Mapping[str, str], language: str) -> str:
        text = texts.get(language, "")
        if not text:
            raise RenderError(f"{self.path.name}: {place} has no text in “{language}”: add it.")
        return text


def sources() -> list[Source]:
    """All notebooks' sources, in the order in which they are read."""
    return [Source.read(path) for path in sorted(HERE.glob("[0-9]*.toml"))]


def notebook(source: Source, language: str) -> dict[str, Any]:
    """A notebook document (nbformat 4.5) of one source in one language."""
    cells = [
        _cell(cell, f"labwerk-{index:02}")
        for index, cell in enumerate(source.cells(language), start=1)
    ]
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "labwerk": {"image": source.image()},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: Cell, identity: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": identity,
        "metadata": {},
        "source": cell.text,
    }
    return body if cell.kind == "markdown" else body | {"execution_count": None, "outputs": []}


def render(language: str, destination: Path) -> list[Path]:
    """Write all notebooks of one language into a folder; returns their paths.

    Raises:
        RenderError: a source lacks a text in this language, or its image.
        OSError: the folder cannot be written.
    """
    documents = [(source.name(language), notebook(source, language)) for source in sources()]
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in documents:
        path = destination / name
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    """Render every language below one folder."""
    if len(arguments) != 1:
        print("usage: python3 notebooks/render.py DESTINATION", file=sys.stderr)
        return 2
    try:
        for language in LANGUAGES:
            for path in render(language, Path(arguments[0]) / language):
                print(path)
    except RenderError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
