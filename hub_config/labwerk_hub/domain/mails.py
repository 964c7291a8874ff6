"""E-mails that wait to be sent, and when each is tried again.

A mail is written in the transaction of what it tells of, and sent afterwards. Times are
milliseconds since 1970 in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labwerk_hub.domain.texts import one_line

#: The pause after the first failed try, and the longest one.
FIRST_PAUSE_MS = 15_000
LONGEST_PAUSE_MS = 3_600_000
#: For how long a try that is under way keeps others off. Longer than the connection may take.
UNDER_WAY_MS = 5 * 60_000
#: For how long the text and the address are kept after a mail was sent or given up.
KEPT_MS = 30 * 24 * 3_600_000
#: What a mail's words are cut to, in characters.
LONGEST_WORDS = 1000
#: Neither a list, a name, a comment nor a quoted part.
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\@]{1,64}@[^\s<>,;:\"()\[\]\\@]{1,255}")


@dataclass(frozen=True)
class Mail:
    """A mail to one address; ``id`` reads ``ml-`` and 12 hex digits.

    ``key`` says what it tells whom, so that nothing is told twice. ``person`` gets it, and
    ``about`` is whose name is in it; both are hub user names. ``tries`` counts the tries that
    began, and before ``next_ms`` there is no other; ``begun_ms`` is when the one began whose
    end is not noted yet. At its own end a mail has ``sent_ms`` or ``given_up_ms``.
    """

    id: str
    key: str
    person: str | None
    about: str | None
    to: str
    language: str
    subject: str
    body: str
    made_ms: int
    next_ms: int
    tries: int = 0
    begun_ms: int | None = None
    sent_ms: int | None = None
    given_up_ms: int | None = None
    last_error: str | None = None


def pause_ms(tries: int) -> int:
    """How long to wait after so many failed tries: 15 s, then twice as long each time.

    An hour at most, so that a server that comes back is not waited for much longer.
    """
    doublings = min(max(tries, 1) - 1, 16)
    return min(FIRST_PAUSE_MS << doublings, LONGEST_PAUSE_MS)


def plain_words(text: str, longest: int = LONGEST_WORDS) -> str:
    """What somebody wrote, as lines without anything invisible; at most ``longest`` characters."""
    lines = [one_line(line) for line in text.splitlines()]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return joined if len(joined) <= longest else joined[: longest - 1].rstrip() + "…"


def is_address(text: str) -> bool:
    """Whether ``text`` is one bare address that can be written to, and nothing beside it."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None
