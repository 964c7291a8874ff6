"""Every notebook runs in its image as a person would run it, and nothing in it warns."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from images.running import UID, Server, run_from_kernel
from support.environment import REPOSITORY

LANGUAGES = ("en", "de", "it", "fr")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All notebooks in all languages, as new homes get them."""
    folder = tmp_path_factory.mktemp("notebooks")
    render = REPOSITORY / "notebooks" / "render.py"
    subprocess.run([sys.executable, render, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


#: Each in English, and in one more language, so that every language is run.
RUNS = [
    (number, language)
    for place, number in enumerate(("01", "02", "03", "04", "05"))
    for language in ("en", LANGUAGES[1 + place % 3])
]


@pytest.mark.parametrize(("number", "language"), RUNS, ids=["-".join(run) for run in RUNS])
def test_a_notebook_runs_in_its_image_and_nothing_in_it_warns(
    server_of: Callable[[str], Server], rendered: Path, artifacts: Path, number: str, language: str
) -> None:
    (source,) = (rendered / language).glob(f"{number}-*.ipynb")
    notebook = json.loads(source.read_text("utf-8"))
    server = server_of(notebook["metadata"]["labwerk"]["image"])
    done = run_notebook(server, source, language)
    outputs = [output for cell in done["cells"] for output in cell.get("outputs", [])]
    pictures = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    for place, picture in enumerate(pictures, start=1):
        name = artifacts / f"notebook-{number}-{language}-{place}.png"
        name.write_bytes(base64.b64decode(picture))
    (artifacts / f"notebook-{number}-{language}.ipynb").write_text(json.dumps(done), "utf-8")
    said = [output for output in outputs if output["output_type"] in ("error", "stream")]
    assert [output for output in said if output.get("name") != "stdout"] == []
    assert pictures


def run_notebook(server: Server, source: Path, language: str) -> dict[str, Any]:
    """The notebook with its outputs, after all its cells ran in a kernel of the server's image."""
    copy = server.home / source.name
    copy.write_bytes(source.read_bytes())
    os.chown(copy, UID, UID)
    run_from_kernel(
        server,
        *("jupyter", "nbconvert", "--log-level=ERROR", "--to", "notebook", "--execute"),
        *("--allow-errors", "--inplace", f"/home/lab/{source.name}"),
        LABWERK_LANGUAGE=language,
        LABWERK_SIMULATED="1",
    )
    done: dict[str, Any] = json.loads(copy.read_text("utf-8"))
    return done
