"""What holds for every image of images.toml: how it is made, and how it runs as sessions run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from images.running import (
    UID,
    Hub,
    Server,
    TokenKernel,
    run_from_kernel,
    running,
    said_in_terminal,
)
from labwerk_hub.machine.images.bom import read_bom
from labwerk_hub.machine.images.catalogue import ImageEntry
from labwerk_hub.machine.images.sizes import size_of
from support.engine import Engine
from support.environment import REPOSITORY
from support.images import ENTRIES, VARIANT, built


@dataclass(frozen=True)
class Running:
    """A running server of one image."""

    entry: ImageEntry
    tag: str
    server: Server


@pytest.fixture(scope="module", params=ENTRIES, ids=lambda entry: entry.name)
def image(request: pytest.FixtureRequest, engine: Engine, hub: Hub) -> Iterator[Running]:
    tag = built(engine.client, request.param.name)
    with running(engine.client, tag, hub) as server:
        yield Running(request.param, tag, server)


# ------------------------------------------------------------------- under a session's rules


def test_lab_starts_under_a_random_uid_with_a_read_only_root_and_no_capabilities(
    image: Running,
) -> None:
    assert "jupyter-config-data" in image.server.get("/lab").text
    assert image.server.run("id", "-u").strip() == str(UID)
    status = image.server.run("cat", "/proc/self/status")
    rights = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if "Cap" in line}
    assert set(rights.values()) == {"0000000000000000"}
    assert "refused" in image.server.run("bash", "-c", "touch /opt/x 2>/dev/null || echo refused")


def test_a_kernel_computes(image: Running) -> None:
    kernel = image.server.post("/api/kernels")["id"]
    with TokenKernel(image.server, kernel) as connection:
        assert connection.run("import numpy; int(numpy.arange(9).sum())") == "36"


def test_a_terminal_works(image: Running) -> None:
    shown = said_in_terminal(image.server, "type -p python; echo do''ne", "done")
    assert "/opt/labwerk/bin/python" in shown


def test_the_server_starts_without_an_error(image: Running) -> None:
    log = image.server.container.logs().decode().splitlines()
    signs = ("[E ", "[C ", "Traceback", "Warning:")
    assert [line for line in log if any(sign in line for sign in signs)] == []


def test_a_person_makes_an_environment_on_it_without_network_and_lab_shows_its_kernel(
    image: Running,
) -> None:
    run_from_kernel(image.server, "labwerk", "env", "create", "rotor")
    kernels = image.server.get("/api/kernelspecs").json()["kernelspecs"]
    assert kernels["rotor"]["spec"]["display_name"] == "rotor (Python 3.11)"
    kernel = image.server.post("/api/kernels", {"name": "rotor"})["id"]
    with TokenKernel(image.server, kernel) as connection:
        where = connection.run("import sys, polars, labwerk; print(sys.prefix)")
    assert where == "/home/lab/.local/share/labwerk/envs/rotor"


# -------------------------------------------------------------------------- how it is made


def test_every_package_finds_what_it_needs(image: Running) -> None:
    assert "No broken requirements" in image.server.run("pip", "check")


def test_no_file_lends_its_owners_rights(image: Running) -> None:
    look = "find / -xdev -type f -perm /6000 2>/dev/null; true"
    assert image.server.run("bash", "-c", look) == ""


def test_nothing_of_its_making_is_left(image: Running) -> None:
    places = "/wheels /own /made /mnt/* /srv/* /media/* /root/.cache /var/log/* /var/cache/apt/*"
    places += " /var/lib/apt/lists/*Packages* /var/cache/debconf/*-old"
    assert image.server.run("bash", "-c", f"ls -d {places} 2>/dev/null; true") == ""


def test_a_compiler_is_in_those_alone_that_need_one(image: Running) -> None:
    found = image.server.run("bash", "-c", "type -p gcc g++ cc c++ clang make; true").split()
    assert bool(found) == image.entry.needs.compiler


def test_all_byte_code_is_there_and_never_checked_against_its_source(image: Running) -> None:
    script = """
import ast, importlib.util, pathlib, warnings
warnings.simplefilter("ignore")
for top in ("/opt/labwerk/lib", "/opt/labwerk/start"):
    for source in pathlib.Path(top).rglob("*.py"):
        compiled = pathlib.Path(importlib.util.cache_from_source(str(source)))
        if compiled.exists():
            if int.from_bytes(compiled.read_bytes()[4:8], "little") != 1:
                print("checked at import:", source)
            continue
        try:
            compile(source.read_bytes(), str(source), "exec")
        except SyntaxError:
            continue  # named like Python, and none: a template
        print("not compiled:", source)
"""
    assert image.server.run("python", "-c", script) == ""


def test_all_its_files_are_of_one_time(image: Running) -> None:
    look = "find / -xdev -newermt 2026-01-01T00:00:01Z ! -path '/home/*' ! -path '/data/*'"
    listed = image.server.run("bash", "-c", f"{look} 2>/dev/null; true").split()
    made_by_the_engine = {"/", "/data", "/dev", "/etc", "/run", "/proc", "/sys", "/tmp", "/home"}
    made_by_the_engine |= {f"/etc/{name}" for name in ("hosts", "hostname", "mtab", "resolv.conf")}
    made_by_the_engine |= {"/.dockerenv", "/home/lab"}
    assert set(listed) - made_by_the_engine == set()


# ------------------------------------------------------------------------- what it carries


def test_its_labels_say_what_it_is_and_what_was_asked(engine: Engine, image: Running) -> None:
    labels = engine.client.images.get(image.tag).labels
    assert labels["labwerk.image"] == image.entry.name
    assert labels["labwerk.variant"] == (VARIANT if image.entry.has_variants else "")
    assert labels["labwerk.pip-check"] == "passed"
    assert labels["labwerk.audit"][:4].isdigit()
    assert labels["org.opencontainers.image.title"] == image.entry.title.en
    assert labels["org.opencontainers.image.version"] == image.tag.partition(":")[2]


def test_its_bill_of_materials_is_valid_and_names_what_is_in_it(
    engine: Engine, image: Running
) -> None:
    bill = read_bom(engine.client, image.tag)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    named = {
        (component["purl"].partition(":")[2].partition("/")[0], component["name"].lower())
        for component in json.loads(bill)["components"]
    }
    installed = image.server.run("pip", "list", "--format", "json", "--path", SITE)
    assert {("pypi", row["name"].lower()) for row in json.loads(installed)} <= {
        (kind, name.replace("_", "-")) for kind, name in named
    } | named
    debian = image.server.run("dpkg-query", "-W", "-f", "${Package}\n").split()
    assert {("deb", name) for name in debian} <= named


SITE = "/opt/labwerk/lib/python3.11/site-packages"


def test_it_has_not_grown_by_a_tenth_since_the_last_release(engine: Engine, image: Running) -> None:
    size = size_of(engine.client, image.tag, image.entry, VARIANT, REPOSITORY)
    assert size.growth is not None, "write its size into images/sizes.toml"
    assert size.growth < 0.1, str(size)
