"""Our start keeps every promise of a single-user server that JupyterHub tests.

`/opt/labwerk/start` defers what a server imports and does not use. That nothing is missing
then is not for us to say: JupyterHub's own tests run in the image twice, with servers
started by JupyterHub's command and by the image's, and must not tell the two apart.
"""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupyterhub
import pytest
from support.engine import Engine
from support.upstream_singleuser import STOCK, Outcome, run_upstream, upstream_image

_ROOT = "jupyter_server_config.py of the image says that files are those of /home/lab"
#: Tests that no server of the image can pass, whichever command starts it, and why.
CANNOT_PASS = {
    "test_singleuser.test_notebook_dir[-True]": _ROOT,
    "test_singleuser.test_notebook_dir[-False]": _ROOT,
}
#: Tests that start a server and are not run here, and why. In our own browser tests people
#: get to a server, and in test_isolation.py not to somebody else's.
NOT_RUN = {
    "test_browser.test_singleuser_xsrf": "Playwright's build of Firefox is not to be had",
    "test_share.test_share_code_flow_full": "Playwright's build of Firefox is not to be had",
}


@pytest.fixture(scope="module")
def image(engine: Engine, base_image: str) -> str:
    return upstream_image(engine.client, base_image)


@pytest.fixture(scope="module")
def our_command(engine: Engine, base_image: str) -> list[str]:
    """What the image runs as a session."""
    command: list[str] = engine.client.images.get(base_image).attrs["Config"]["Cmd"]
    return command


@pytest.fixture(scope="module")
def outcomes(engine: Engine, image: str, our_command: list[str]) -> tuple[Outcome, Outcome]:
    """With JupyterHub's command, and with ours; both run at the same time."""
    with ThreadPoolExecutor(2) as pool:
        stock, ours = pool.map(
            lambda command: run_upstream(engine.client, image, command), (STOCK, our_command)
        )
    return stock, ours


@pytest.fixture(scope="module")
def stock(outcomes: tuple[Outcome, Outcome]) -> Outcome:
    return outcomes[0]


@pytest.fixture(scope="module")
def ours(outcomes: tuple[Outcome, Outcome]) -> Outcome:
    return outcomes[1]


def test_what_passes_with_jupyterhubs_command_passes_with_ours(
    stock: Outcome, ours: Outcome
) -> None:
    assert stock.passed - ours.passed == set(), ours.log


def test_every_other_test_is_known_by_name(ours: Outcome) -> None:
    assert set(ours.tests) - ours.passed == set(CANNOT_PASS), ours.log


def test_both_commands_started_the_servers_of_the_same_tests(
    stock: Outcome, ours: Outcome, our_command: list[str]
) -> None:
    assert our_command != list(STOCK)
    assert set(stock.tests) == set(ours.tests)
    assert stock.starts == ours.starts > len(ours.tests) / 2


def test_all_of_what_jupyterhub_tests_of_a_server_is_among_them(ours: Outcome) -> None:
    modules = {name.partition(".")[0] for name in ours.tests}
    assert {"test_singleuser", "test_shares", "test_pages", "test_spawner", "test_roles"} <= modules


def test_those_that_need_a_browser_are_known_by_name() -> None:
    folder = Path(jupyterhub.__file__).parent / "tests" / "browser"
    found = {
        f"{file.stem}.{node.name}"
        for file in folder.glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
        and "full_spawn" in {argument.arg for argument in node.args.args}
    }
    assert found == set(NOT_RUN)
