"""The base image: what is in it, and how its server runs under a session's rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from images.running import PERSON, UID, Hub, Server, TokenKernel, running, said_in_terminal
from support.engine import Engine

START = ("/opt/labwerk/bin/python", "-I", "/opt/labwerk/start")


def importtime(log: str) -> set[str]:
    """The modules that ``python -X importtime`` says were imported."""
    return set(re.findall(r"^import time: .*\| +(\S+)$", log, re.MULTILINE))


# ---------------------------------------------------------------------- what is in it


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("jupyterlab", "4.6."),
        ("jupyterhub", "6.1."),
        ("ipywidgets", "8."),
        ("jupyter-collaboration", "5."),
        ("labwerk-lab", ""),
        ("labwerk", ""),
    ],
)
def test_holds_the_versions_that_the_workbench_is_made_for(
    server: Server, package: str, version: str
) -> None:
    ask = f"import importlib.metadata as m; print(m.version({package!r}))"
    assert server.run("python", "-c", ask).startswith(version)


def test_every_package_finds_what_it_needs(server: Server) -> None:
    assert "No broken requirements" in server.run("pip", "check")


def test_no_file_of_it_lends_its_owners_rights(server: Server) -> None:
    look = "find / -xdev -type f -perm /6000 2>/dev/null; true"
    assert server.run("bash", "-c", look) == ""


def test_holds_no_leftovers_of_its_making(server: Server) -> None:
    places = "/wheels /finish /root/.cache /var/lib/apt/lists/*Packages*"
    assert server.run("bash", "-c", f"ls -d {places} 2>/dev/null; true") == ""


def test_all_byte_code_is_there_and_never_checked_against_its_source(server: Server) -> None:
    script = """
import importlib.util, pathlib
for top in ("/opt/labwerk/lib", "/opt/labwerk/start"):
    for source in pathlib.Path(top).rglob("*.py"):
        compiled = pathlib.Path(importlib.util.cache_from_source(str(source)))
        if not compiled.exists():
            print("not compiled:", source)
        elif int.from_bytes(compiled.read_bytes()[4:8], "little") != 1:
            print("checked at import:", source)
"""
    assert server.run("python", "-c", script) == ""


def test_the_certificates_of_the_system_are_found_one_by_one(server: Server) -> None:
    script = (
        "import ssl; paths = ssl.get_default_verify_paths(); "
        "print(paths.cafile, bool(list(__import__('pathlib').Path(paths.capath).glob('*.0'))))"
    )
    assert server.run("python", "-c", script).split() == ["None", "True"]


def test_says_what_it_is(engine: Engine, base_image: str) -> None:
    labels = engine.client.images.get(base_image).labels
    assert labels["labwerk.image"] == "base"
    assert labels["org.opencontainers.image.version"] == base_image.partition(":")[2]


# --------------------------------------------------------------------- how it starts


def test_a_start_imports_nothing_that_a_server_does_not_use(
    engine: Engine, base_image: str, hub: Hub
) -> None:
    command = (*START[:2], "-X", "importtime", *START[2:])
    with running(engine.client, base_image, hub, command=command) as server:
        imported = importtime(server.container.logs().decode())
    assert {"jupyterhub.singleuser.extension", "jupyterlab.labapp"} <= imported
    unwanted = {"lark", "arrow", "sqlalchemy", "alembic", "requests"}
    unwanted |= {"jupyterhub.orm", "jupyterhub.handlers", "jupyter_lsp", "notebook_shim.nbserver"}
    assert imported & unwanted == set()


@pytest.mark.parametrize("module", ["rfc3987_syntax", "isoduration"])
def test_formats_that_no_schema_asks_for_are_not_installed(server: Server, module: str) -> None:
    ask = f"import importlib.util; print(importlib.util.find_spec({module!r}))"
    assert server.run("python", "-c", ask) == "None\n"


def test_what_the_start_defers_is_there_when_something_asks(server: Server) -> None:
    script = """
import sys
sys.path.insert(0, "/opt/labwerk/start")
from deferred import deferred
with deferred():
    import jupyterhub.singleuser.extension
from jupyterhub import scopes
assert "sqlalchemy" not in sys.modules and "jupyterhub.orm" not in sys.modules
assert scopes.orm.User.__module__ == "jupyterhub.orm"
import requests.adapters, sqlalchemy
assert sqlalchemy.select and requests.adapters.HTTPAdapter
print("there")
"""
    assert server.run("python", "-c", script) == "there\n"


def test_no_package_of_the_persons_own_keeps_the_server_from_starting(
    engine: Engine, base_image: str, hub: Hub, tmp_path: Path
) -> None:
    theirs = tmp_path / ".local" / "lib" / "python3.11" / "site-packages" / "jupyter_server"
    theirs.mkdir(parents=True)
    (theirs / "__init__.py").write_text("raise SystemExit('broken')")
    (tmp_path / "tornado.py").write_text("raise SystemExit('also broken')")
    with running(engine.client, base_image, hub, home=tmp_path) as server:
        assert server.get("/api/status").status_code == 200


def test_a_home_that_was_used_before_serves_again(
    engine: Engine, base_image: str, hub: Hub, tmp_path: Path
) -> None:
    for _ in range(2):
        with running(engine.client, base_image, hub, home=tmp_path) as server:
            assert server.get("/api/status").status_code == 200


# ------------------------------------------------------------------- who gets to it


def test_the_person_gets_to_the_lab(server: Server) -> None:
    assert "jupyter-config-data" in server.get("/lab").text


def test_nobody_else_gets_to_it(server: Server) -> None:
    assert server.get("/api/contents", token=None).status_code == 403
    assert server.get("/api/contents", token="made-up").status_code == 403
    assert server.get("/api/contents", token="token-of-another").status_code == 403
    assert server.get("/api/contents").status_code == 200


def test_a_browser_without_a_token_is_sent_to_the_hub(server: Server) -> None:
    answer = server.get("/lab", token=None)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/hub/api/oauth2/authorize?client_id=")


# --------------------------------------------------------------------- what works in it


def test_a_kernel_computes_and_plots(server: Server) -> None:
    code = """
import duckdb, pandas, polars, pyarrow
import matplotlib.pyplot as plt
frame = polars.DataFrame({"wind": [3.0, 7.0, 12.0], "power": [10.0, 420.0, 1900.0]})
total = duckdb.sql("select sum(power) from frame").fetchall()[0][0]
same = pyarrow.table({"power": frame["power"].to_list()}).to_pandas()["power"].sum()
plt.plot(frame["wind"], frame["power"])
plt.savefig("/tmp/plot.png")
print(total, same, open("/tmp/plot.png", "rb").read(4))
"""
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        assert connection.run(code).endswith("2330.0 2330.0 b'\\x89PNG'")


def test_a_kernel_restarts(server: Server) -> None:
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        assert connection.run("kept = 1; kept") == "1"
    server.post(f"/api/kernels/{kernel}/restart")
    with TokenKernel(server, kernel) as connection:
        assert connection.run("'kept' in globals()") == "False"


def test_a_kernel_is_reached_through_files_and_not_from_the_network(server: Server) -> None:
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        connection.run("1")
    assert f"kernel-{kernel}-ipc-1" in server.run("ls", "/tmp/jupyter")
    listening = server.run("awk", '$4 == "0A" && $2 !~ /7F:/ {print $2}', "/proc/net/tcp")
    assert listening.split() == [f"00000000:{8888:04X}"]


def test_libraries_start_as_many_threads_as_the_session_has_cores(server: Server) -> None:
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        assert connection.run("import polars; polars.thread_pool_size()") == "1"


def test_packages_that_people_install_for_themselves_are_seen_by_their_kernels(
    server: Server,
) -> None:
    server.run(
        "bash",
        "-c",
        "mkdir -p ~/.local/lib/python3.11/site-packages"
        " && echo 'answer = 42' > ~/.local/lib/python3.11/site-packages/theirs.py",
    )
    kernel = server.post("/api/kernels")["id"]
    with TokenKernel(server, kernel) as connection:
        assert connection.run("import theirs; theirs.answer") == "42"


def test_a_terminal_knows_the_persons_name_and_finds_the_programs(server: Server) -> None:
    shown = said_in_terminal(server, "whoami; id -u; type -p python; echo do''ne", "done")
    assert f"{PERSON}@" in shown
    assert re.search(rf"\s{PERSON}\s+{UID}\s+/opt/labwerk/bin/python\s", shown)


def test_a_person_makes_an_environment_of_their_own(server: Server) -> None:
    server.run("python3", "-m", "venv", "/tmp/own")
    assert server.run("/tmp/own/bin/python", "-c", "print(6 * 7)") == "42\n"


def test_the_root_is_read_only_and_the_home_is_not(server: Server) -> None:
    said = server.run(
        "bash", "-c", "touch /opt/x 2>/dev/null || echo refused; touch ~/x && echo ok"
    )
    assert said.split() == ["refused", "ok"]


# ---------------------------------------------------------------------- how it speaks


def test_lab_has_the_language_packs(server: Server) -> None:
    known = server.get("/lab/api/translations").json()["data"]
    assert {"en", "de_DE", "fr_FR", "it_IT"} <= set(known)


def test_lab_speaks_the_language_of_the_session(server: Server) -> None:
    texts = server.get("/lab/api/translations/default").json()["data"]["jupyterlab"]
    assert texts[""]["language"].startswith("de")


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "it_IT", "fr_FR"])
def test_programs_can_speak_the_four_languages(server: Server, locale: str) -> None:
    assert f"{locale}.utf8" in server.run("locale", "-a")


def test_lab_asks_nothing_of_the_outside(server: Server) -> None:
    page = server.get("/lab").text
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found
    config = json.loads(found[1])
    assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
    assert config["extensionManager"]["can_install"] is False
    assert config["buildCheck"] is False
    loaded = {extension["name"] for extension in config["federated_extensions"]}
    assert "labwerk-lab" in loaded
