"""Mail: each goes out once, in its reader's language; a server that is down loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.api.loops.mail import MailLoop
from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import MailRefusedError, MailServerError
from labwerk_hub.services import mail
from labwerk_hub.services.mail_texts import Letter, Quoted
from labwerk_hub.services.workbench import MailPolicy
from support.mailing import (
    Certificate,
    MailServer,
    certificate,
    client_of,
    free_port,
    mail_server,
    sending_process,
    somebody,
)
from support.workbench import Bench

URL = "https://labwerk.th-rhein.example"
POLICY = MailPolicy(enabled=True, public_url=URL, give_up_seconds=3 * 24 * 3600)
LETTER = Letter(Message("A test mail of Labwerk"), [Quoted("Grüße")], "/hub/home")


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


def _write(site: Bench, to: Person, key: str = "k", letter: Letter = LETTER) -> bool:
    with site.workbench.database.writing() as tx:
        return mail.write(site.workbench, tx, letter, to, key=key)


def _look(site: Bench, server: MailServer) -> mail.Round:
    return mail.send_due(site.workbench, client_of(server))


def _waiting(site: Bench) -> list[Mail]:
    with site.workbench.database.reading() as tx:
        return tx.mails.unsent()


def test_a_mail_goes_out_once(site: Bench, server: MailServer) -> None:
    anna = somebody(site.workbench, "Anna Müller")
    assert _write(site, anna)
    assert not _write(site, anna), "the same was written twice"
    assert _look(site, server).sent == 1
    assert _look(site, server).sent == 0
    (delivered,) = server.delivered
    assert delivered.recipients == ("anna@thr.example",)
    assert _waiting(site) == []


def test_a_mail_has_the_headers_that_mail_of_a_program_has(site: Bench, server: MailServer) -> None:
    _write(site, somebody(site.workbench, "Anna Müller"))
    _look(site, server)
    message = server.delivered[0].message
    assert message["From"] == "Labwerk <labwerk@th-rhein.example>"
    assert message["Reply-To"] == "rechnen@th-rhein.example"
    assert message["To"] == "anna@thr.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == site.clock.now
    assert message["Message-ID"].startswith("<ml-")
    assert message["Message-ID"].endswith("@labwerk.th-rhein.example>")
    assert message.get_content_type() == "text/plain"
    assert message["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize(
    ("locale", "greeting"),
    [
        ("de", "Guten Tag"),
        ("it", "Buongiorno"),
        ("fr", "Bonjour"),
        ("en", "Hello"),
        (None, "Bonjour"),
    ],
)
def test_a_mail_is_in_its_readers_language_else_in_the_sites(
    site: Bench, server: MailServer, locale: str | None, greeting: str
) -> None:
    site.with_policy(language="fr")
    _write(site, somebody(site.workbench, "Anna Müller", locale=locale))
    _look(site, server)
    (delivered,) = server.delivered
    assert delivered.text.startswith(f"{greeting} Anna Müller,")
    assert "> Grüße" in delivered.text
    assert f"{URL}/hub/home" in delivered.text.splitlines()
    assert delivered.message["Content-Language"] == (locale or "fr")


def test_subjects_in_other_letters_than_ascii_arrive_as_they_were(
    site: Bench, server: MailServer
) -> None:
    letter = replace(LETTER, subject=Message("Prévision à midi – “Überlast”"))
    _write(site, somebody(site.workbench, "Anna Müller"), letter=letter)
    _look(site, server)
    assert server.delivered[0].message["Subject"] == "Prévision à midi – “Überlast”"
    head = server.delivered[0].content.split(b"\r\n\r\n")[0]
    assert head.isascii()


@pytest.mark.parametrize(
    "evil",
    ["\r\nBcc: all@thr.example", "\nX-Evil: 1\n\nother body", "\u2028Bcc: x@y.example", "\x0bB: c"],
)
def test_nothing_that_people_write_becomes_a_header_or_a_command(
    site: Bench, server: MailServer, evil: str
) -> None:
    letter = Letter(
        Message("%(name)s asks", {"name": f"Eve{evil}"}),
        [Message("%(name)s says:", {"name": f"Eve{evil}"}), Quoted(f"Hi{evil}\r\n.\r\nRSET")],
        "/hub/home",
    )
    _write(site, somebody(site.workbench, f"Eve{evil}", address="eve@thr.example"), letter=letter)
    _look(site, server)
    (delivered,) = server.delivered
    assert delivered.recipients == ("eve@thr.example",)
    usual = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    usual |= {"Content-Language", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert set(delivered.message.keys()) == usual
    assert "> RSET" in delivered.text.splitlines()
    assert delivered.message.defects == []


@pytest.mark.parametrize(
    "address",
    [None, "no-address", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", "<a@b>"],
)
def test_who_has_no_address_that_is_one_is_not_written_to(site: Bench, address: str | None) -> None:
    assert not _write(site, somebody(site.workbench, "Anna Müller", address=address))
    assert _waiting(site) == []


def test_without_a_mail_server_nothing_is_written(bench: Bench) -> None:
    assert not _write(bench, somebody(bench.workbench, "Anna Müller"))
    assert _waiting(bench) == []


def test_a_mail_is_as_little_kept_as_what_it_tells_of(site: Bench) -> None:
    anna = somebody(site.workbench, "Anna Müller")

    def fail() -> None:
        with site.workbench.database.writing() as tx:
            mail.write(site.workbench, tx, LETTER, anna, key="k")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert _waiting(site) == []


def test_a_server_that_is_down_loses_nothing_and_pauses_grow(site: Bench) -> None:
    port = free_port()
    gone = client_of(MailServer(port))
    for name in ("Anna", "Luca"):
        _write(site, somebody(site.workbench, name))
    pauses = []
    for _ in range(10):
        found = mail.send_due(site.workbench, gone)
        assert isinstance(found.trouble, MailServerError)
        assert f"127.0.0.1:{port}" in found.trouble.message
        first, second = _waiting(site)
        assert first.next_ms == second.next_ms
        pauses.append((first.next_ms - site.clock.ms) // 1000)
        site.clock.step(seconds=pauses[-1])
    assert pauses == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    with mail_server(port) as server:
        assert _look(site, server).sent == 2
    assert set(server.by_address()) == {"anna@thr.example", "luca@thr.example"}


def test_a_mail_that_is_refused_for_now_is_tried_again(site: Bench, server: MailServer) -> None:
    server.refusals = ["451 4.7.1 Greylisted, try again later"]
    _write(site, somebody(site.workbench, "Anna Müller"))
    assert _look(site, server).failed == 1
    (waiting,) = _waiting(site)
    assert waiting.last_error is not None
    assert "451 4.7.1 Greylisted" in waiting.last_error
    assert _look(site, server).sent == 0, "tried again at once"
    site.clock.step(seconds=20)
    assert _look(site, server).sent == 1


def test_one_address_that_is_refused_keeps_no_other_back(site: Bench, server: MailServer) -> None:
    server.refused = {"anna@thr.example": "550 5.1.1 No such user"}
    for name in ("Anna", "Luca", "Mira"):
        _write(site, somebody(site.workbench, name))
    found = _look(site, server)
    assert (found.sent, found.failed) == (2, 1)
    (waiting,) = _waiting(site)
    assert waiting.to == "anna@thr.example"
    # Final, says the server: tried again, but rarely, since it may be a setting of theirs.
    assert waiting.next_ms == site.clock.ms + 3_600_000


def test_a_mail_at_which_the_connection_breaks_keeps_no_other_back(
    site: Bench, server: MailServer
) -> None:
    server.refusals = ["421 4.3.2 Shutting down"]
    for name in ("Anna", "Luca"):
        _write(site, somebody(site.workbench, name))
    _look(site, server)
    _look(site, server)
    site.clock.step(minutes=1)
    _look(site, server)
    assert set(server.by_address()) == {"anna@thr.example", "luca@thr.example"}


def test_what_cannot_be_sent_for_days_is_given_up_and_says_so_in_the_log(
    site: Bench, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused = {"anna@thr.example": "450 4.2.2 Mailbox full"}
    _write(site, somebody(site.workbench, "Anna Müller"), key="request/br-1/made")
    loop = MailLoop(site.workbench, client_of(server))
    loop.look_once()
    site.clock.step(days=3)
    loop.look_once()
    (given_up,) = _waiting(site)
    assert given_up.given_up_ms == site.clock.ms
    assert f"Mail {given_up.id} is given up after 2 tries" in caplog.text
    assert "anna" not in caplog.text
    server.refused = {}
    site.clock.step(days=1)
    loop.look_once()
    assert server.delivered == []


def test_a_kill_between_sending_and_noting_costs_a_second_copy_and_never_the_mail(
    site: Bench, server: MailServer, tmp_path: Path
) -> None:
    """It is stopped when all of the mail is over and "250" not read, and then killed."""
    _write(site, somebody(site.workbench, "Anna Müller"))
    stopped = threading.Event()

    def stop_the_sender() -> None:
        os.kill(sender.pid or 0, signal.SIGSTOP)
        stopped.set()

    server.taking = stop_the_sender
    context = multiprocessing.get_context("spawn")
    sender = context.Process(
        target=sending_process, args=(str(tmp_path), server.port, site.clock.ms)
    )
    sender.start()
    assert stopped.wait(60)
    sender.kill()
    sender.join()
    server.taking = lambda: None
    assert len(server.delivered) == 1

    assert _look(site, server).sent == 0, "somebody else may still be sending it"
    mail.resume(site.workbench)  # what a service does first: nobody else does
    assert _look(site, server).sent == 1
    mail.resume(site.workbench)
    site.clock.step(days=1)
    assert _look(site, server).sent == 0
    first, second = server.delivered
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.content == second.content


def test_a_mail_that_ends_its_sender_again_and_again_waits_longer_each_time(site: Bench) -> None:
    _write(site, somebody(site.workbench, "Anna Müller"))
    waits = []
    for tries in range(1, 5):
        with site.workbench.database.writing() as tx:
            (waiting,) = tx.mails.unsent()
            tx.mails.set_begun(waiting.id, tries, site.clock.ms, site.clock.ms + 300_000)
        mail.resume(site.workbench)
        waits.append((_waiting(site)[0].next_ms - site.clock.ms) // 1000)
    assert waits == [0, 15, 30, 60]


def test_two_that_send_at_once_do_not_send_the_same(site: Bench, server: MailServer) -> None:
    for number in range(20):
        _write(site, somebody(site.workbench, f"P{number}"))
    found: list[mail.Round] = []
    both = [threading.Thread(target=lambda: found.append(_look(site, server))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(server.by_address()) == 20
    assert sum(one.sent for one in found) == 20


def test_starttls_and_a_login_come_before_anything_is_said(
    site: Bench, made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    password = tmp_path / "password"
    password.write_text("secret\n")
    _write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=made) as server:
        client = client_of(server, security="starttls", user="labwerk", password_file=password)
        assert mail.send_due(site.workbench, client).sent == 1
    assert server.logins == ["labwerk"]


def test_tls_from_the_first_byte_on(
    site: Bench, made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    password = tmp_path / "password"
    password.write_text("secret\n")
    _write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=made, security="tls") as server:
        client = client_of(server, security="tls", user="labwerk", password_file=password)
        assert mail.send_due(site.workbench, client).sent == 1
    assert server.logins == ["labwerk"]


def test_a_server_that_is_not_who_it_says_gets_nothing(site: Bench, made: Certificate) -> None:
    _write(site, somebody(site.workbench, "Anna Müller"))
    with mail_server(certificate=made) as server:
        client = client_of(server, security="starttls")
        found = mail.send_due(site.workbench, client)
    assert found.trouble is not None
    assert "its certificate is not trusted here" in found.trouble.message
    assert server.delivered == []


def test_a_server_without_encryption_gets_nothing_if_the_settings_want_it(
    site: Bench, server: MailServer
) -> None:
    _write(site, somebody(site.workbench, "Anna Müller"))
    found = mail.send_due(site.workbench, client_of(server, security="starttls"))
    assert found.trouble is not None
    assert "STARTTLS" in found.trouble.message
    assert server.delivered == []


def test_a_wrong_password_is_said_with_the_servers_answer(
    made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    password = tmp_path / "password"
    password.write_text("wrong")
    with mail_server(certificate=made) as server:
        client = client_of(server, security="starttls", user="labwerk", password_file=password)
        with pytest.raises(MailServerError, match="cannot be used: 535"), client.connected():
            pass


def test_a_mail_to_an_address_beyond_ascii_is_sent_where_the_server_can(
    site: Bench, server: MailServer
) -> None:
    _write(site, somebody(site.workbench, "Anna", address="müller@thr.example"))
    assert _look(site, server).sent == 1
    assert server.delivered[0].recipients == ("müller@thr.example",)


def test_text_and_address_are_removed_a_month_after_the_mail_was_sent(
    site: Bench, server: MailServer
) -> None:
    anna = somebody(site.workbench, "Anna Müller")
    _write(site, anna)
    _look(site, server)
    with site.workbench.database.reading() as tx:
        identifier = server.delivered[0].message["Message-ID"].split("@")[0].removeprefix("<")
        assert tx.mails.get(identifier) is not None
    site.clock.step(days=29)
    assert mail.forget_old(site.workbench) == 0
    site.clock.step(days=2)
    assert mail.forget_old(site.workbench) == 1
    assert mail.forget_old(site.workbench) == 0
    with site.workbench.database.reading() as tx:
        kept = tx.mails.get(identifier)
    assert kept is not None
    assert (kept.to, kept.subject, kept.body) == ("", "", "")
    assert not _write(site, anna), "what was sent and forgotten was written again"


def test_mail_to_or_about_somebody_who_is_erased_is_emptied_and_not_sent_any_more(
    site: Bench, server: MailServer
) -> None:
    anna, jonas, mira = (somebody(site.workbench, name) for name in ("Anna", "Jonas", "Mira"))
    with site.workbench.database.writing() as tx:
        mail.write(site.workbench, tx, LETTER, anna, key="to")
        mail.write(site.workbench, tx, LETTER, jonas, key="about", about=anna.name)
        mail.write(site.workbench, tx, LETTER, mira, key="other")
        tx.mails.forget(anna.name, site.clock.ms)
        tx.mails.forget(anna.name, site.clock.ms)
    assert _look(site, server).sent == 1
    assert set(server.by_address()) == {"mira@thr.example"}
    assert [(one.to, one.body) for one in _waiting(site)] == [("", ""), ("", "")]


def test_one_refusal_names_the_server_and_its_answer(site: Bench, server: MailServer) -> None:
    server.refused = {"a@b.example": "554 5.7.1 Relay access denied"}
    client = client_of(server)
    with client.connected() as connection, pytest.raises(MailRefusedError) as refused:
        connection.send(mail.trial(site.workbench, "a@b.example"))
    assert refused.value.message == (
        f"127.0.0.1:{server.port} does not take it: 554 5.7.1 Relay access denied."
    )
    assert refused.value.is_final


def test_the_outbox_is_kept_in_the_database(site: Bench, tmp_path: Path) -> None:
    _write(site, somebody(site.workbench, "Anna Müller"))
    again = SqlDatabase(f"sqlite:///{tmp_path / 'labwerk.sqlite'}", first_uid=200_000)
    with again.reading() as tx:
        assert len(tx.mails.unsent()) == 1
    again.close()
