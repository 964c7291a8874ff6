"""Images are offered as soon as they are built, with what they need; sessions live on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import pages
from support.engine import Engine
from support.hub_client import StartRefusedError
from support.install import Install
from support.person import Person

SignIn = Callable[[str], Person]


def _image(person: Person, name: str) -> tuple[bool, str]:
    """Whether an image can be chosen on the person's start page, and what stands beside it."""
    page = pages.soup(person.http.get(f"/hub/labwerk/offers/{person.name}?flavour=cpu"))
    choice = page.select_one(f"input[name=image][value={name}]")
    assert choice is not None
    text = page.select_one(f"#image-{name}-facts")
    assert text is not None
    return not choice.has_attr("disabled"), text.get_text(" ", strip=True)


def test_an_image_is_offered_once_it_is_built_and_a_running_session_lives_on(
    signed_in: SignIn, labwerk: Install, engine: Engine
) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    hub = labwerk.pid_of("hub")
    anna.start("cpu-small")
    kernel = anna.start_kernel()
    with anna.kernel(kernel) as connection:
        connection.run("remembered = 41")

    labwerk.run("images", "build", "rapids")
    assert _image(luca, "rapids")[0]  # nothing was restarted
    assert "cuDF" in _image(luca, "rapids")[1].partition("Dask.")[2]  # what it goes without
    assert labwerk.pid_of("hub") == hub
    with anna.kernel(kernel) as connection:
        assert connection.run("remembered + 1") == "42"

    luca.start("cpu", "rapids")
    image = engine.session_of(luca.name).image
    assert image is not None
    assert image.labels["labwerk.image"] == "rapids"
    with luca.kernel() as connection:
        assert connection.run("import dask; dask.delayed(sum)([1, 2]).compute()") == "3"
    luca.stop()


def test_an_image_that_needs_more_memory_than_the_flavour_has_is_refused_in_words(
    signed_in: SignIn, labwerk: Install
) -> None:
    labwerk.run("images", "build", "rapids")
    luca = signed_in("luca")
    with pytest.raises(StartRefusedError, match=r"3 GiB .* 2"):
        luca.start("cpu-small", "rapids")
    assert luca.servers() == {}


def test_what_is_built_is_told_and_goes_into_a_bundle_and_back(
    labwerk: Install, tmp_path: Path
) -> None:
    rows = {row["name"]: row for row in json.loads(labwerk.run("images", "list", "--json"))}
    assert rows["base"]["tag"].startswith("labwerk/base:")
    assert rows["base"]["mb"] > 500
    assert rows["base"]["audit"]
    file = tmp_path / "images.tar"
    assert "GB" in labwerk.run("images", "bundle", str(file), "base")
    assert rows["base"]["tag"] in labwerk.run("images", "load", str(file))
    assert json.loads(labwerk.run("images", "bom", "base"))["bomFormat"] == "CycloneDX"
    assert labwerk.run("images", "digest", "base").startswith("sha256:")


def test_pruning_leaves_what_people_are_offered(labwerk: Install, engine: Engine) -> None:
    labwerk.run("images", "build", "rapids")
    old = engine.client.images.get(json.loads(labwerk.run("images", "list", "--json"))[0]["tag"])
    old.tag("labwerk/base", "of-another-checkout")
    assert "labwerk/base:of-another-checkout" in labwerk.run("images", "prune")
    rows = {row["name"]: row["tag"] for row in json.loads(labwerk.run("images", "list", "--json"))}
    assert rows["base"]
    assert rows["rapids"]


def test_what_cannot_be_is_one_sentence(labwerk: Install, tmp_path: Path) -> None:
    for arguments, said in (
        (("images", "build", "gone"), "no image 'gone'; it has base, pytorch"),
        (("images", "load", str(tmp_path / "gone.tar")), "cannot be read"),
        (("images", "bundle", str(tmp_path / "x.tar"), "gone"), "'gone' is not built here"),
        (("images", "new", "base"), "named 'base' already"),
    ):
        done = labwerk.command(*arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
