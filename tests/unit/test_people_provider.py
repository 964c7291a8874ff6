"""The provider: its discovery document, and the demo's configuration."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from labwerk_hub.adapters.issuer import IssuerMismatchError, IssuerUnreachableError, discover
from labwerk_hub.adapters.kept_secrets import kept_secret
from labwerk_hub.machine.provider import provider_config, write_provider_config
from labwerk_hub.settings import load_settings
from support.settings import settings_text


@contextmanager
def serving(answer: bytes, status: int = 200, port: int = 0) -> Iterator[str]:
    """A provider on this machine that answers every request so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer.replace(b"ISSUER", address.encode()))

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield address
        finally:
            server.shutdown()


def document(**changes: object) -> bytes:
    said: Mapping[str, object] = {
        "issuer": "ISSUER",
        "authorization_endpoint": "ISSUER/auth",
        "token_endpoint": "ISSUER/token",
        "jwks_uri": "ISSUER/jwks",
        **changes,
    }
    return json.dumps(said).encode()


# --------------------------------------------------------------------- discovery


def test_the_provider_is_known_by_its_discovery_document() -> None:
    with serving(document(end_session_endpoint="ISSUER/out", unknown=1)) as issuer:
        provider = discover(issuer, patience=0)
        assert provider.token_endpoint == f"{issuer}/token"
        assert provider.end_session_endpoint == f"{issuer}/out"


def test_without_a_word_about_it_the_secret_goes_into_the_header_as_the_standard_says() -> None:
    with serving(document()) as issuer:
        assert not discover(issuer, patience=0).secret_in_body
    methods = ["client_secret_post", "client_secret_basic"]
    with serving(document(token_endpoint_auth_methods_supported=methods)) as issuer:
        assert discover(issuer, patience=0).secret_in_body


def test_a_document_of_another_issuer_is_refused_and_both_are_named() -> None:
    with (
        serving(document(issuer="https://evil.example")) as issuer,
        pytest.raises(IssuerMismatchError) as refused,
    ):
        discover(issuer, patience=0)
    assert issuer in refused.value.message
    assert "https://evil.example" in refused.value.message


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (b"<html>", 200, "JSON"),
        (b"{}", 200, "Field required"),
        (b"", 404, "404"),
        (b"", 500, "500"),
    ],
)
def test_what_is_no_discovery_document_is_refused_with_the_reason(
    answer: bytes, status: int, reason: str
) -> None:
    with serving(answer, status) as issuer, pytest.raises(IssuerUnreachableError) as refused:
        discover(issuer, patience=0)
    assert reason in refused.value.message
    assert f"sign_in.issuer “{issuer}”" in refused.value.message


def test_an_issuer_that_does_not_answer_is_named_in_one_sentence_with_the_remedy() -> None:
    with serving(b"") as issuer:
        pass
    with pytest.raises(IssuerUnreachableError, match=r"Connection refused.*check the address"):
        discover(issuer, patience=0)


def test_an_issuer_that_is_still_starting_is_waited_for() -> None:
    with serving(document()) as issuer:
        pass
    port = int(issuer.rpartition(":")[2])
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(discover(issuer, 10).issuer))
    waiting.start()
    with serving(document(), port=port):
        waiting.join(timeout=15)
    assert found == [issuer]


# ----------------------------------------------------------------------- secrets


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    made = kept_secret(path)
    assert len(bytes.fromhex(made)) == 32
    assert kept_secret(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


# ------------------------------------------------------ the demo's configuration


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    for folder in ("run", "secrets"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "labwerk.toml"
    path.write_text(settings_text(tmp_path), encoding="utf-8")
    return path


def test_the_demo_provider_is_told_what_labwerk_will_read_from_the_claims(
    settings_file: Path,
) -> None:
    config = provider_config(load_settings(settings_file))
    people = {person.login: person for person in config.people}
    luca = people["luca"].institution
    assert luca is not None
    assert luca["it"] == "Università Tecnica del Reno"
    assert people["noah"].institution is None
    assert people["noah"].roles == ()
    assert [role["en"] for role in people["mira"].roles] == [
        "Administrator of the institution",
        "Data steward",
    ]


def test_every_text_of_the_demo_provider_is_there_in_every_language(settings_file: Path) -> None:
    config = provider_config(load_settings(settings_file))
    names = set(config.texts["en"])
    for language in config.languages:
        assert set(config.texts[language]) == names
        assert all(config.texts[language].values())


def test_the_written_configuration_and_its_secrets_are_the_owners_alone(
    settings_file: Path,
) -> None:
    settings = load_settings(settings_file)
    path = write_provider_config(settings)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["issuer"] == settings.issuer
    assert written["client"]["redirect_uris"] == ["http://127.0.0.1:18000/hub/oauth_callback"]
    for file in (path, settings.client_secret_path, Path(written["cookie_keys_file"])):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
