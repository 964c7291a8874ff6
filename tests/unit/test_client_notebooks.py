"""The notebooks: complete in four languages, valid, and made from one source."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.environment import REPOSITORY
from support.overview_service import dataset, overview, overview_service
from support.scripts import module_of

RENDER = REPOSITORY / "notebooks" / "render.py"

NAMES = {
    "en": [
        "01-first-session",
        "02-shared-datasets",
        "03-rapids",
        "04-pytorch",
        "05-simulation-first",
    ],
    "de": [
        "01-erste-sitzung",
        "02-gemeinsame-datensaetze",
        "03-rapids",
        "04-pytorch",
        "05-erst-simulieren",
    ],
    "it": [
        "01-prima-sessione",
        "02-dataset-condivisi",
        "03-rapids",
        "04-pytorch",
        "05-prima-simulare",
    ],
    "fr": [
        "01-premiere-session",
        "02-jeux-de-donnees-partages",
        "03-rapids",
        "04-pytorch",
        "05-simuler-d-abord",
    ],
}
WANTED = ["base", "base", "rapids", "pytorch", "simulation"]
SAME = {"pytorch": "PyTorch", "rapids": "RAPIDS"}
TITLES = {
    "en": SAME | {"base": "Data and plots", "simulation": "Simulation"},
    "de": SAME | {"base": "Daten und Diagramme", "simulation": "Simulation"},
    "it": SAME | {"base": "Dati e grafici", "simulation": "Simulazione"},
    "fr": SAME | {"base": "Données et graphiques", "simulation": "Simulation"},
}


render = module_of(RENDER)


@pytest.mark.parametrize("language", render.LANGUAGES)
def test_every_notebook_is_valid_in_every_language(language: str, tmp_path: Path) -> None:
    paths = render.render(language, tmp_path / language)
    assert paths
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.labwerk.image in render.IMAGES
        assert "{{" not in path.read_text("utf-8").replace("{{}}", "")
        for cell in notebook.cells:
            if cell.cell_type == "code":
                ast.parse(cell.source)


def test_languages_differ_in_words_only(tmp_path: Path) -> None:
    kinds = []
    for language in render.LANGUAGES:
        paths = render.render(language, tmp_path / language)
        notebooks = [nbformat.read(path, as_version=4) for path in paths]
        kinds.append([[cell.cell_type for cell in notebook.cells] for notebook in notebooks])
    assert kinds[1:] == kinds[:-1]


def test_every_notebook_keeps_its_image_in_its_metadata(tmp_path: Path) -> None:
    images = {}
    for language in render.LANGUAGES:
        paths = sorted(render.render(language, tmp_path / language))
        notebooks = [nbformat.read(path, as_version=4) for path in paths]
        images[language] = [notebook.metadata.labwerk.image for notebook in notebooks]
    assert images == dict.fromkeys(render.LANGUAGES, WANTED)


def test_every_notebook_says_first_which_image_it_wants(tmp_path: Path) -> None:
    for language, titles in TITLES.items():
        for path in render.render(language, tmp_path / language):
            notebook = nbformat.read(path, as_version=4)
            assert f"**{titles[notebook.metadata.labwerk.image]}**" in notebook.cells[0].source


def test_an_image_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "02.toml"
    path.write_text('image = "cobol"\n', encoding="utf-8")
    with pytest.raises(render.RenderError, match=r"02\.toml: image is 'cobol': name one of base"):
        render.notebook(render.Source.read(path), "en")


def test_the_command_needs_only_the_standard_library(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", RENDER, tmp_path], check=True)
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.ipynb"))
    assert made == sorted(
        f"{language}/{name}.ipynb" for language in NAMES for name in NAMES[language]
    )


def test_a_text_missing_in_a_language_is_named(tmp_path: Path) -> None:
    path = tmp_path / "02.toml"
    path.write_text('[file]\nen = "x"\nde = "y"\n[[cells]]\nen = "Hello"\n', encoding="utf-8")
    source = render.Source.read(path)
    with pytest.raises(render.RenderError, match=r"02\.toml: cell 1 has no text in “de”"):
        source.cells("de")


def test_a_word_that_is_not_defined_is_named(tmp_path: Path) -> None:
    path = tmp_path / "02.toml"
    path.write_text("[[cells]]\ncode = \"print('{{hello}}')\"\n", encoding="utf-8")
    with pytest.raises(render.RenderError, match="word hello"):
        render.Source.read(path).cells("en")


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_welcome_notebook_runs_and_nothing_in_it_warns(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = REPOSITORY / "hub_config" / "datasets"
    wind = dataset("iwe/windpark", "Wind farm", data, "windpark_scada_2014_2015.parquet")
    path = render.render(language, tmp_path)[0]
    notebook = nbformat.read(path, as_version=4)
    with overview_service(overview([wind])) as service:
        for name, value in service.environment(language).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LABWERK_SIMULATED", "1")
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "extensions" / "client"))
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=os.environ)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type in ("stream", "error")] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
