"""Mail: each goes out once, in its reader's language, to nobody else, and is not kept for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.domain.texts import Message
from labwerk_hub.services import mail
from labwerk_hub.services.mail_texts import Letter, Quoted
from support.mailing import MailServer, mail_server, somebody
from support.outbox import LETTER, POLICY, URL, look, unsent, write
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


def test_a_mail_goes_out_once(site: Bench, server: MailServer) -> None:
    anna = somebody(site.workbench, "Anna Müller")
    assert write(site, anna)
    assert not write(site, anna), "the same was written twice"
    assert look(site, server).sent == 1
    assert look(site, server).sent == 0
    (delivered,) = server.delivered
    assert delivered.recipients == ("anna@thr.example",)
    assert unsent(site) == []


def test_a_mail_has_the_headers_that_mail_of_a_program_has(site: Bench, server: MailServer) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    look(site, server)
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
    write(site, somebody(site.workbench, "Anna Müller", locale=locale))
    look(site, server)
    (delivered,) = server.delivered
    assert delivered.text.startswith(f"{greeting} Anna Müller,")
    assert "> Grüße" in delivered.text
    assert f"{URL}/hub/home" in delivered.text.splitlines()
    assert delivered.message["Content-Language"] == (locale or "fr")


def test_subjects_in_other_letters_than_ascii_arrive_as_they_were(
    site: Bench, server: MailServer
) -> None:
    letter = replace(LETTER, subject=Message("Prévision à midi – “Überlast”"))
    write(site, somebody(site.workbench, "Anna Müller"), letter=letter)
    look(site, server)
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
    write(site, somebody(site.workbench, f"Eve{evil}", address="eve@thr.example"), letter=letter)
    look(site, server)
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
    assert not write(site, somebody(site.workbench, "Anna Müller", address=address))
    assert unsent(site) == []


def test_without_a_mail_server_nothing_is_written(bench: Bench) -> None:
    assert not write(bench, somebody(bench.workbench, "Anna Müller"))
    assert unsent(bench) == []


def test_a_mail_is_as_little_kept_as_what_it_tells_of(site: Bench) -> None:
    anna = somebody(site.workbench, "Anna Müller")

    def fail() -> None:
        with site.workbench.database.writing() as tx:
            mail.write(site.workbench, tx, LETTER, anna, key="k")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert unsent(site) == []


def test_a_mail_to_an_address_beyond_ascii_is_sent_where_the_server_can(
    site: Bench, server: MailServer
) -> None:
    write(site, somebody(site.workbench, "Anna", address="müller@thr.example"))
    assert look(site, server).sent == 1
    assert server.delivered[0].recipients == ("müller@thr.example",)


def test_text_and_address_are_removed_a_month_after_the_mail_was_sent(
    site: Bench, server: MailServer
) -> None:
    anna = somebody(site.workbench, "Anna Müller")
    write(site, anna)
    look(site, server)
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
    assert not write(site, anna), "what was sent and forgotten was written again"


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
    assert look(site, server).sent == 1
    assert set(server.by_address()) == {"mira@thr.example"}
    assert [(one.to, one.body) for one in unsent(site)] == [("", ""), ("", "")]


def test_the_outbox_is_kept_in_the_database(site: Bench, tmp_path: Path) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    again = SqlDatabase(f"sqlite:///{tmp_path / 'labwerk.sqlite'}", first_uid=200_000)
    with again.reading() as tx:
        assert len(tx.mails.unsent()) == 1
    again.close()
