"""Images go to a site that reaches nothing in one file, and run there."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest
from images.running import running, stub_hub
from images.test_notebooks import rendered, run_notebook  # noqa: F401  (a fixture)
from labwerk_hub.machine.images.bundle import (
    Bundle,
    BundledImage,
    BundleError,
    load_bundle,
    read_bundle,
    write_bundle,
)
from support.engine import Engine
from support.environment import cache
from support.images import built
from support.second_engine import second_engine
from support.tiny_image import tiny_image


@pytest.fixture(scope="module")
def bundle(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the base image and of one that is laid on it."""
    tags = tuple(built(engine.client, name) for name in ("base", "rapids"))
    file = tmp_path_factory.mktemp("bundle") / "images.tar"
    write_bundle(engine.client, tags, file)
    return file


def test_an_engine_that_has_nothing_runs_the_first_notebook_without_any_network(
    engine: Engine,
    bundle: Path,
    rendered: Path,  # noqa: F811
) -> None:
    base = built(engine.client, "base")
    data = cache() / "second-engine"
    shutil.rmtree(data, ignore_errors=True)
    try:
        with second_engine(data) as other:
            assert other.images.list() == []
            load_bundle(other, bundle)
            assert other.images.get(base).id == engine.client.images.get(base).id
            # The bridge leads to the hub alone: it has no way out.
            with stub_hub(other, internal=True) as hub, running(other, base, hub) as server:
                (source,) = (rendered / "de").glob("01-*.ipynb")
                done = run_notebook(server, source, "de")
    finally:
        shutil.rmtree(data, ignore_errors=True)
    outputs = [output for cell in done["cells"] for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] in ("error", "stream")] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_layers_that_images_share_are_in_it_once(engine: Engine, bundle: Path) -> None:
    sizes = [
        engine.client.images.get(image.tag).attrs["Size"] for image in read_bundle(bundle).images
    ]
    assert len(sizes) == 2
    assert bundle.stat().st_size < 0.8 * sum(sizes)


def test_a_file_that_is_no_bundle_is_refused(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "images.tar"
    file.write_bytes(b"not at all" * 1000)
    with pytest.raises(BundleError, match=r"images\.tar is no whole bundle .* `images bundle"):
        load_bundle(engine.client, file)
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        load_bundle(engine.client, tmp_path / "gone.tar")


def test_a_bundle_that_was_cut_off_on_its_way_is_refused(
    engine: Engine, bundle: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.tar"
    with bundle.open("rb") as whole, cut.open("wb") as part:
        shutil.copyfileobj(whole, part)
        part.truncate(bundle.stat().st_size * 2 // 3)
    with pytest.raises(BundleError, match="no whole bundle"):
        load_bundle(engine.client, cut)


def test_a_bundle_with_an_image_that_it_does_not_name_is_refused_before_it_is_loaded(
    engine: Engine, tmp_path: Path
) -> None:
    tag = tiny_image(engine.client)
    file = tmp_path / "images.tar"
    with file.open("wb") as stream:
        for piece in engine.client.images.get(tag).save(named=True):
            stream.write(piece)
    about = Bundle(images=(BundledImage(tag="labwerk/base:1", id="sha256:1"),))
    with tarfile.open(file, "a") as tar:
        entry = tarfile.TarInfo("labwerk.json")
        entry.size = len(about.model_dump_json().encode())
        tar.addfile(entry, io.BytesIO(about.model_dump_json().encode()))
    with pytest.raises(BundleError, match="is in it and not said to be"):
        load_bundle(engine.client, file)


def test_a_bundle_that_cannot_be_written_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(engine.client, (built(engine.client, "base"),), tmp_path / "gone" / "x.tar")
    assert list(tmp_path.iterdir()) == []
