"""Mails written into a bench's outbox, and sent from there."""

from __future__ import annotations

from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.services import mail
from labwerk_hub.services.mail_texts import Letter, Quoted
from labwerk_hub.services.workbench import MailPolicy

from support.mailing import MailServer, client_of
from support.workbench import Bench

URL = "https://labwerk.th-rhein.example"
POLICY = MailPolicy(enabled=True, public_url=URL, give_up_seconds=3 * 24 * 3600)
LETTER = Letter(Message("A test mail of Labwerk"), [Quoted("Grüße")], "/hub/home")


def write(site: Bench, to: Person, key: str = "k", letter: Letter = LETTER) -> bool:
    """Write a mail to somebody; whether one is there to be sent."""
    with site.workbench.database.writing() as tx:
        return mail.write(site.workbench, tx, letter, to, key=key)


def look(site: Bench, server: MailServer) -> mail.Round:
    """Send what is due."""
    return mail.send_due(site.workbench, client_of(server))


def unsent(site: Bench) -> list[Mail]:
    """What has not been sent."""
    with site.workbench.database.reading() as tx:
        return tx.mails.unsent()
