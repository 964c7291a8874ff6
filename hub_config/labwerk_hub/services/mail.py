"""The outbox: a mail is written with what it tells of, and sent afterwards.

Between the mail server's answer and our note of it a kill may come. The mail is then sent a
second time, with the same Message-ID, by which many mailboxes know it for the same: a mail
read twice is a smaller harm than a request that nobody hears of.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from labwerk_hub.domain.mails import (
    KEPT_MS,
    LONGEST_PAUSE_MS,
    UNDER_WAY_MS,
    Mail,
    is_address,
    pause_ms,
)
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.errors import MailRefusedError, MailServerError
from labwerk_hub.services.mail_texts import Letter, trial_mail, written
from labwerk_hub.services.ports import MailConnection, MailServer
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.views import Moment, View
from labwerk_hub.services.workbench import Workbench

#: Mails of one round.
_AT_ONCE = 50


@dataclass
class Round:
    """What came of a round of sending; ``trouble`` is what the server was unfit for."""

    sent: int = 0
    failed: int = 0
    given_up: list[Mail] = field(default_factory=list)
    trouble: MailServerError | None = None


class MailView(View):
    """A mail that was not sent yet; ``state`` is ``waiting`` or ``given-up``."""

    id: str
    about: str
    to: str
    state: str
    made_at: Moment
    tries: int
    next_try_at: Moment | None
    last_error: str | None


class Outbox(View):
    """What `labwerk mail list --json` tells."""

    at: Moment
    mails: tuple[MailView, ...]


def write(
    workbench: Workbench,
    tx: Transaction,
    letter: Letter,
    to: Person,
    *,
    key: str,
    about: str | None = None,
) -> bool:
    """Put a mail to ``to`` into the outbox, in their language; whether there is one now.

    Nothing if there is no mail server, if the person has no verified address, or if the same
    was written to them before: ``key`` says what it is. ``about`` is the hub user name of
    whoever is named in it.
    """
    policy = workbench.policy
    if not policy.mail.enabled or to.email is None or not is_address(to.email):
        return False
    language = to.locale or policy.language
    text = written(letter, to.display_name, language, policy.zone, policy.mail.public_url)
    now_ms = to_ms(workbench.clock())
    return tx.mails.add(
        Mail(
            id=f"ml-{secrets.token_hex(6)}",
            key=f"{key}/{to.name}",
            person=to.name,
            about=about,
            to=to.email,
            language=language,
            subject=text.subject,
            body=text.body,
            made_ms=now_ms,
            next_ms=now_ms,
        )
    )


def send_due(
    workbench: Workbench, server: MailServer, is_stopping: Callable[[], bool] = lambda: False
) -> Round:
    """Send what is due, over one connection; what cannot be sent is tried again later.

    No transaction is open while the server is talked to.
    """
    found = Round()
    with workbench.database.reading() as tx:
        due = tx.mails.due(to_ms(workbench.clock()), _AT_ONCE)
    if not due:
        return found
    stuck = due  # what must wait if the server cannot be used
    try:
        with server.connected() as connection:
            for mail in due:
                stuck = [mail]  # a mail at which the connection breaks keeps no other back
                if is_stopping():
                    break
                _send(workbench, connection, mail, found)
    except MailServerError as error:
        found.trouble = error
        for mail in stuck:
            _failed(workbench, mail, error.message, found)
    return found


def resume(workbench: Workbench) -> None:
    """Take up what another process was sending when it ended, for the one that now sends.

    The first such end of a mail costs no time. If it comes to that again, the mail may be
    what ends the process, and waits as after a failure.
    """
    with workbench.database.reading() as tx:
        if not tx.mails.begun():
            return
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        for mail in tx.mails.begun():
            pause = pause_ms(mail.tries - 1) if mail.tries > 1 else 0
            tx.mails.set_waiting(mail.id, mail.tries, now_ms + pause, mail.last_error)


def forget_old(workbench: Workbench) -> int:
    """Remove addresses and texts of mails that were sent or given up long ago; how many."""
    with workbench.database.writing() as tx:
        return tx.mails.forget_before(to_ms(workbench.clock()) - KEPT_MS)


def outbox(workbench: Workbench) -> Outbox:
    """What waits to be sent, and what was given up."""

    def view(mail: Mail) -> MailView:
        is_waiting = mail.given_up_ms is None
        return MailView(
            id=mail.id,
            about=mail.key,
            to=mail.to,
            state="waiting" if is_waiting else "given-up",
            made_at=from_ms(mail.made_ms),
            tries=mail.tries,
            next_try_at=from_ms(mail.next_ms) if is_waiting else None,
            last_error=mail.last_error,
        )

    with workbench.database.reading() as tx:
        return Outbox(at=workbench.clock(), mails=tuple(view(m) for m in tx.mails.unsent()))


def trial(workbench: Workbench, to: str) -> Mail:
    """A mail to try the server with; it does not go through the outbox."""
    policy, now_ms = workbench.policy, to_ms(workbench.clock())
    text = written(trial_mail(), to, policy.language, policy.zone, policy.mail.public_url)
    identifier = f"ml-{secrets.token_hex(6)}"
    return Mail(
        id=identifier,
        key=f"trial/{identifier}",
        person=None,
        about=None,
        to=to,
        language=policy.language,
        subject=text.subject,
        body=text.body,
        made_ms=now_ms,
        next_ms=now_ms,
    )


def _send(workbench: Workbench, connection: MailConnection, mail: Mail, found: Round) -> None:
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        current = tx.mails.get(mail.id)
        if current is None or not _is_due(current, now_ms):
            return  # another service was faster, or its person was erased
        tx.mails.set_begun(mail.id, current.tries + 1, now_ms, now_ms + UNDER_WAY_MS)
    try:
        connection.send(current)
    except MailRefusedError as error:
        _failed(workbench, current, error.message, found, is_final=error.is_final)
        return
    with workbench.database.writing() as tx:
        tx.mails.set_sent(mail.id, to_ms(workbench.clock()))
    found.sent += 1


def _failed(
    workbench: Workbench, mail: Mail, error: str, found: Round, *, is_final: bool = False
) -> None:
    """Try again later, or never if that was tried for long enough.

    What the server says is final may be a setting that somebody puts right: it is tried again,
    but rarely.
    """
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        current = tx.mails.get(mail.id)
        if current is None or current.sent_ms is not None or current.given_up_ms is not None:
            return
        tries = max(current.tries, mail.tries + 1)
        is_over = now_ms - current.made_ms >= workbench.policy.mail.give_up_seconds * 1000
        pause = LONGEST_PAUSE_MS if is_final else pause_ms(tries)
        if is_over:
            tx.mails.set_given_up(mail.id, tries, now_ms, error)
        else:
            tx.mails.set_waiting(mail.id, tries, now_ms + pause, error)
    found.failed += 1
    if is_over:
        found.given_up.append(replace(current, tries=tries))


def _is_due(mail: Mail, now_ms: int) -> bool:
    return mail.sent_ms is None and mail.given_up_ms is None and mail.next_ms <= now_ms
