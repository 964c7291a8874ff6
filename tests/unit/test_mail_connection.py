"""The connection to the mail server: encrypted, with a login, and refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.errors import MailRefusedError, MailServerError
from labwerk_hub.services import mail
from support.mailing import Certificate, MailServer, certificate, client_of, mail_server, somebody
from support.outbox import POLICY, write
from support.workbench import Bench


@pytest.fixture
def site(bench: Bench) -> Bench:
    """A workbench with a mail server in its settings."""
    bench.with_policy(mail=POLICY)
    return bench


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(made: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """The same, and this machine trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    return made


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """The file of the password that the server takes."""
    file = tmp_path / "password"
    file.write_text("secret\n")
    return file


def test_starttls_and_a_login_come_before_anything_is_said(
    site: Bench, trusted: Certificate, password: Path
) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=trusted) as server:
        client = client_of(server, security="starttls", user="labwerk", password_file=password)
        assert mail.send_due(site.workbench, client).sent == 1
    assert server.logins == ["labwerk"]


def test_tls_from_the_first_byte_on(site: Bench, trusted: Certificate, password: Path) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=trusted, security="tls") as server:
        client = client_of(server, security="tls", user="labwerk", password_file=password)
        assert mail.send_due(site.workbench, client).sent == 1
    assert server.logins == ["labwerk"]


def test_a_server_that_is_not_who_it_says_gets_nothing(site: Bench, made: Certificate) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=made) as server:
        client = client_of(server, security="starttls")
        found = mail.send_due(site.workbench, client)
    assert found.trouble is not None
    assert "its certificate is not trusted here" in found.trouble.message
    assert server.delivered == []


def test_a_server_without_encryption_gets_nothing_if_the_settings_want_it(
    site: Bench, server: MailServer
) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    found = mail.send_due(site.workbench, client_of(server, security="starttls"))
    assert found.trouble is not None
    assert "STARTTLS" in found.trouble.message
    assert server.delivered == []


def test_a_wrong_password_is_said_with_the_servers_answer(
    trusted: Certificate, password: Path
) -> None:
    password.write_text("wrong")
    with mail_server(certificate=trusted) as server:
        client = client_of(server, security="starttls", user="labwerk", password_file=password)
        with pytest.raises(MailServerError, match="cannot be used: 535"), client.connected():
            pass


def test_one_refusal_names_the_server_and_its_answer(site: Bench, server: MailServer) -> None:
    server.refused = {"a@b.example": "554 5.7.1 Relay access denied"}
    client = client_of(server)
    with client.connected() as connection, pytest.raises(MailRefusedError) as refused:
        connection.send(mail.trial(site.workbench, "a@b.example"))
    assert refused.value.message == (
        f"127.0.0.1:{server.port} does not take it: 554 5.7.1 Relay access denied."
    )
    assert refused.value.is_final
