"""The panel's route: the hub service's answer, asked with the session's own token."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from labwerk_lab import overview
from labwerk_lab.overview import Answer, Upstream, fetch_overview
from support.environment import REPOSITORY
from support.overview_service import TOKEN, OverviewService, overview_service

OVERVIEW = {"session": None, "datasets": [], "served_at": "2026-11-21T22:00:00Z"}
EXTENSION = {"ServerApp": {"jpserver_extensions": {"labwerk_lab": True}}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service() -> Iterator[OverviewService]:
    with overview_service(OVERVIEW) as service:
        yield service


def upstream(service: OverviewService) -> Upstream:
    return Upstream(service.address, TOKEN)


def sentence(answer: Answer) -> str:
    return str(answer.body["message"])


async def test_the_services_overview_is_passed_on(service: OverviewService) -> None:
    assert await fetch_overview(upstream(service), "de") == Answer(200, dict(OVERVIEW))


async def test_the_service_is_asked_with_the_sessions_token_in_the_panels_language(
    service: OverviewService,
) -> None:
    await fetch_overview(upstream(service), "it")
    path = "/services/labwerk/api/v1/overview?lang=it"
    assert service.asked == [(path, f"Bearer {TOKEN}")]


@pytest.mark.parametrize("status", [401, 403, 404, 503])
async def test_a_refusal_keeps_its_status_code_and_sentence_and_nothing_else(
    service: OverviewService, status: int
) -> None:
    service.status = status
    service.body = {"code": "no", "message": "Nein.", "trace": "secret"}
    answer = await fetch_overview(upstream(service), "de")
    assert answer == Answer(status, {"code": "no", "message": "Nein."})


@pytest.mark.parametrize(
    ("status", "body"), [(500, b'{"detail": "boom"}'), (200, b"[1, 2]"), (403, b"<html>")]
)
async def test_an_answer_not_as_agreed_becomes_a_sentence_of_ours(
    service: OverviewService, status: int, body: bytes
) -> None:
    service.status, service.body = status, body
    answer = await fetch_overview(upstream(service), "de")
    assert (answer.status, answer.body["code"]) == (502, "service-failed")
    assert sentence(answer).startswith("Der Dienst der Werkbank hat etwas geantwortet")


async def test_a_redirect_does_not_carry_the_token_on(service: OverviewService) -> None:
    service.status = 302
    answer = await fetch_overview(upstream(service), "en")
    assert answer.body["code"] == "service-failed"
    assert len(service.asked) == 1


async def test_a_service_that_is_down_is_said_to_be() -> None:
    nobody = Upstream(f"http://127.0.0.1:{free_port()}", "token")
    answer = await fetch_overview(nobody, "fr")
    assert (answer.status, answer.body["code"]) == (503, "service-unreachable")
    assert sentence(answer).startswith("Le service de l'atelier est injoignable.")


async def test_a_service_that_hangs_is_given_up(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.delay = 1.5
    monkeypatch.setattr(overview, "REQUEST_TIMEOUT", 0.3)
    answer = await fetch_overview(upstream(service), "it")
    assert (answer.status, answer.body["code"]) == (503, "service-timeout")


def test_outside_labwerk_there_is_no_service_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_SERVICE_URL", "http://127.0.0.1:1/services/labwerk/")
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    assert Upstream.from_environment() is None
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "token")
    assert Upstream.from_environment() == Upstream("http://127.0.0.1:1/services/labwerk", "token")


@dataclass
class JupyterServer:
    """A real notebook server that has loaded the extension."""

    url: str
    token: str

    def get(self, path: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {token or self.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)


@pytest.fixture
def jupyter_server(tmp_path: Path, service: OverviewService) -> Iterator[JupyterServer]:
    port = free_port()
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(json.dumps(EXTENSION))
    folders = {
        name: str(tmp_path / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME")
    }
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
        *(f"--port={port}", "--ServerApp.port_retries=0", "--ServerApp.base_url=/user/anna/"),
        *("--IdentityProvider.token=t0ken", f"--ServerApp.root_dir={tmp_path}"),
        # The server then refuses to start if a route of ours forgot to ask who is there.
        "--ServerApp.allow_unauthenticated_access=False",
    ]
    environment = (
        os.environ
        | folders
        | {
            "JUPYTER_CONFIG_DIR": str(config),
            "PYTHONPATH": str(REPOSITORY / "extensions" / "lab"),
            **service.environment(),
            "LABWERK_SERVICE_URL": service.address,
            "JUPYTERHUB_API_TOKEN": TOKEN,
        }
    )
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path
        )
    server = JupyterServer(f"http://127.0.0.1:{port}/user/anna/", "t0ken")
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                server.get("api/status")
                break
            except OSError:
                time.sleep(0.1)
        assert process.poll() is None, (tmp_path / "server.log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)


def test_a_notebook_server_answers_the_panel_below_its_own_address(
    jupyter_server: JupyterServer, service: OverviewService
) -> None:
    assert jupyter_server.get("labwerk/api/overview?lang=de-DE") == (200, OVERVIEW)
    assert service.asked[-1][0].endswith("?lang=de")

    jupyter_server.get("labwerk/api/overview?lang=../../secrets")
    assert service.asked[-1][0].endswith("?lang=en")

    asked = len(service.asked)
    assert jupyter_server.get("labwerk/api/overview", token="wrong")[0] == 403
    assert len(service.asked) == asked, "a stranger's request must not use the session's token"


def test_loading_the_extension_imports_nothing_that_a_server_has_not() -> None:
    code = (
        "import sys; import jupyter_server.serverapp; before = set(sys.modules);"
        "import labwerk_lab.routes; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY / "extensions" / "lab",
        check=True,
        capture_output=True,
        text=True,
    )
    ours = ["labwerk_lab", "labwerk_lab.overview", "labwerk_lab.routes", "labwerk_lab.texts"]
    assert done.stdout.strip() == str(ours)
