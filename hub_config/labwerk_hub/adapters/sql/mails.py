"""The outbox: mails that wait to be sent, and what became of each."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from labwerk_hub.adapters.sql.request_tables import mails
from labwerk_hub.domain.mails import Mail

_WAITING = mails.c.sent_ms.is_(None) & mails.c.given_up_ms.is_(None)
#: A mail server's answer often repeats the address.
_EMPTY = {"address": "", "subject": "", "body": "", "last_error": None}


class SqlMails:
    """The Mails port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, mail: Mail) -> bool:
        """A new mail; whether it is one: what was written under its key before stays."""
        known = select(mails.c.id).where(mails.c.key == mail.key)
        if self._connection.execute(known).first() is not None:
            return False
        self._connection.execute(
            insert(mails).values(
                id=mail.id,
                key=mail.key,
                person=mail.person,
                about=mail.about,
                address=mail.to,
                language=mail.language,
                subject=mail.subject,
                body=mail.body,
                made_ms=mail.made_ms,
                tries=mail.tries,
                next_ms=mail.next_ms,
            )
        )
        return True

    def get(self, mail: str) -> Mail | None:
        """The mail with this id."""
        found = self._list(mails.c.id == mail)
        return found[0] if found else None

    def due(self, now_ms: int, limit: int) -> list[Mail]:
        """Those to be tried now, the oldest first."""
        return self._list(_WAITING & (mails.c.next_ms <= now_ms), limit)

    def unsent(self) -> list[Mail]:
        """Those that wait, and those that were given up."""
        return self._list(mails.c.sent_ms.is_(None))

    def begun(self) -> list[Mail]:
        """Those of which a try began whose end is not noted."""
        return self._list(_WAITING & mails.c.begun_ms.is_not(None))

    def set_begun(self, mail: str, tries: int, begun_ms: int, next_ms: int) -> None:
        """A try begins; there is no other before ``next_ms``."""
        self._set(mail, tries=tries, begun_ms=begun_ms, next_ms=next_ms)

    def set_sent(self, mail: str, sent_ms: int) -> None:
        """The mail server has taken it."""
        self._set(mail, sent_ms=sent_ms, begun_ms=None, last_error=None)

    def set_waiting(self, mail: str, tries: int, next_ms: int, error: str | None) -> None:
        """After so many tries it is tried again at ``next_ms``."""
        self._set(mail, tries=tries, next_ms=next_ms, begun_ms=None, last_error=error)

    def set_given_up(self, mail: str, tries: int, given_up_ms: int, error: str) -> None:
        """After so many tries it is not tried again."""
        self._set(mail, tries=tries, given_up_ms=given_up_ms, begun_ms=None, last_error=error)

    def forget_before(self, moment_ms: int) -> int:
        """Empty address, text and answer of what was sent or given up before then; how many."""
        ended = or_(mails.c.sent_ms < moment_ms, mails.c.given_up_ms < moment_ms)
        emptied = update(mails).where(and_(ended, mails.c.address != "")).values(_EMPTY)
        return self._connection.execute(emptied).rowcount

    def forget(self, person: str, now_ms: int) -> None:
        """Empty every mail to or about a person; what was not sent yet never is."""
        theirs = or_(mails.c.person == person, mails.c.about == person)
        self._connection.execute(update(mails).where(_WAITING & theirs).values(given_up_ms=now_ms))
        self._connection.execute(update(mails).where(theirs).values(_EMPTY))

    def _set(self, mail: str, **values: str | int | None) -> None:
        self._connection.execute(update(mails).where(mails.c.id == mail).values(**values))

    def _list(self, condition: ColumnElement[bool], limit: int | None = None) -> list[Mail]:
        query = select(mails).where(condition).order_by(mails.c.made_ms, mails.c.id).limit(limit)
        return [_mail(row) for row in self._connection.execute(query)]


def _mail(row: Row[tuple[object, ...]]) -> Mail:
    return Mail(
        id=row.id,
        key=row.key,
        person=row.person,
        about=row.about,
        to=row.address,
        language=row.language,
        subject=row.subject,
        body=row.body,
        made_ms=row.made_ms,
        next_ms=row.next_ms,
        tries=row.tries,
        begun_ms=row.begun_ms,
        sent_ms=row.sent_ms,
        given_up_ms=row.given_up_ms,
        last_error=row.last_error,
    )
