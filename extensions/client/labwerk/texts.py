"""Texts, numbers and times in the person's language.

Catalogues are the .po files beside this module, read when the first text that is
not English is shown. Babel is imported then, never by ``import labwerk``.
"""

from __future__ import annotations

import math
import os
import re
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LANGUAGES = ("en", "de", "it", "fr")


def language() -> str:
    """The language of this session: ``LABWERK_LANGUAGE``, else English."""
    tag = os.environ.get("LABWERK_LANGUAGE", "en")[:2].lower()
    return tag if tag in LANGUAGES else "en"


def say(msgid: str, **params: object) -> str:
    """A text in the session's language with its parameters filled in."""
    text = msgid
    if language() != "en":
        message = _catalogue(language()).get(msgid)
        if message is not None and isinstance(message.string, str) and message.string:
            text = message.string
    return text % params


def number(value: float, decimals: int = 1) -> str:
    """A number with at most so many decimal places."""
    from babel.numbers import format_decimal

    pattern = "#,##0." + "#" * decimals if decimals else "#,##0"
    return format_decimal(value, format=pattern, locale=language())


def gpu_hours(hours: float) -> str:
    """GPU-hours to two places; a little is not nothing."""
    return f"< {number(0.01, 2)}" if 0 < hours < 0.005 else number(hours, 2)


def size(count: int) -> str:
    """A file's size in decimal units."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{number(amount, 1 if amount < 10 and unit != 'B' else 0)} {unit}"
        amount /= 1000
    return f"{number(amount)} TB"


def duration(span: timedelta) -> str:
    """The two largest units of a duration: "2 days, 3 hours", "14 minutes"."""
    from babel.dates import format_timedelta
    from babel.lists import format_list

    total = max(0, int(span.total_seconds()) // 60)
    days, hours, minutes = total // 1440, total // 60 % 24, total % 60
    parts: list[tuple[timedelta, Literal["day", "hour", "minute"]]] = (
        [(timedelta(days=days), "day"), (timedelta(hours=hours), "hour")]
        if days
        else [(timedelta(hours=hours), "hour"), (timedelta(minutes=minutes), "minute")]
    )
    shown = [part for part in parts if part[0]] or parts[1:]
    # Below this threshold Babel takes the unit named, instead of weeks for 19 days.
    texts = [
        format_timedelta(part, granularity=unit, threshold=math.inf, locale=language())
        for part, unit in shown
    ]
    return format_list(texts, style="unit", locale=language())


def moment(when: datetime) -> str:
    """An instant in this computer's time zone, which is named: it need not be the reader's."""
    from babel.dates import format_date, format_time

    here = when.astimezone()
    day = format_date(here, format="medium", locale=language())
    return f"{day}, {format_time(here, format='short', locale=language())} {here.tzname()}"


def day(when: date) -> str:
    """A calendar's day."""
    from babel.dates import format_date

    return format_date(when, format="medium", locale=language())


def month(period: str) -> str:
    """A budget period such as ``2026-11`` as its month's name and year.

    One between fixed dates, such as ``2026-10-12..2027-02-05``, by them; a term by its name.
    """
    from babel.dates import format_date, format_interval

    if dates := re.fullmatch(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", period):
        first, last = (date.fromisoformat(day) for day in dates.groups())
        text = format_interval(first, last, "yMMMd", locale=language())
        # In Italian, and only in intervals, the locale data has "05 feb" for "5 feb".
        return re.sub(r"\b0(?=\d\b)", "", text)
    if not re.fullmatch(r"\d{4}-\d{2}", period):
        return period
    return format_date(date.fromisoformat(f"{period}-01"), format="LLLL yyyy", locale=language())


@cache
def _catalogue(language: str) -> Catalog:
    from babel.messages.pofile import read_po

    path = Path(__file__).parent / "locale" / language / "LC_MESSAGES" / "labwerk.po"
    with path.open("rb") as stream:
        return read_po(stream, locale=language)
