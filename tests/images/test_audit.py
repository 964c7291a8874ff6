"""What an advisory service says of an image's packages is told, and its silence is, too."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from labwerk_hub.machine.images.audit import audit
from labwerk_hub.machine.images.wheelhouse import ensure_build_environment
from labwerk_hub.machine.log import Log
from support.engine import Engine
from support.environment import REPOSITORY
from support.images import places

LOCK = "sound==2.0 \\\n    --hash=sha256:1\nweak==1.0 \\\n    --hash=sha256:2\n"
WEAKNESS = {
    "id": "GHSA-test-test-test",
    "summary": "It lets everybody in.",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "weak", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]},
            ],
        }
    ],
}


class _Advisories(BaseHTTPRequestHandler):
    """Answers as a service of the OSV schema does: it knows of one weakness."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = [WEAKNESS] if asked["package"]["name"] == "weak" else []
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def advisories() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Advisories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path / "requirements.lock"


@pytest.fixture
def tools(engine: Engine) -> tuple[Path, Log]:  # noqa: ARG001  (only then is there a way out)
    log = Log(places().logs / "images.log")
    return ensure_build_environment(REPOSITORY, places(), log), log


def test_a_weakness_that_is_known_is_named(
    lock: Path, tools: tuple[Path, Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    with advisories() as address:
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"{address}/v1/query")
        said = audit([lock], *tools)
    assert said.known == ("weak 1.0 GHSA-test-test-test",)
    assert said.sentence.endswith(": 1 known in 2 packages: weak 1.0 GHSA-test-test-test")


def test_nothing_known_is_said_only_of_what_was_asked(
    lock: Path, tools: tuple[Path, Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.write_text(LOCK.replace("weak", "strong"))
    with advisories() as address:
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"{address}/v1/query")
        said = audit([lock], *tools)
    assert said.sentence.endswith(": nothing known of 2 packages")


def test_a_service_that_is_out_of_reach_is_not_taken_for_good_news(
    lock: Path, tools: tuple[Path, Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/v1/query")
    said = audit([lock], *tools)
    assert said.failed
    assert ": not done, no advisory service" in said.sentence
