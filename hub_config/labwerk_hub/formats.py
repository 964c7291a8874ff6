"""Numbers, durations and moments as people of each language write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache, lru_cache

from babel import Locale
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    format_time,
    format_timedelta,
    get_timezone_name,
)
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

#: Between a number and its unit: a line never breaks there.
_GAP = "\N{NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_ZERO = re.compile(r"(?<!\d)0(?=\d)")
#: Larger than any count of days, so that babel never turns days into weeks.
_NO_LARGER_UNIT = 10**9


@cache
def _locale(language: str) -> Locale:
    """Europe's English: day before month, and 24 hours."""
    return Locale("en", "GB") if language == "en" else Locale.parse(language)


def number(value: float | Decimal, language: str, decimals: int = 0) -> str:
    """``value`` with at most ``decimals`` places, in the digits' order of the language."""
    pattern = "#,##0" + ("." + "#" * decimals if decimals else "")
    return format_decimal(value, pattern, locale=_locale(language))


def size(count: int, language: str) -> str:
    """So many bytes in the unit that suits: ``840 MiB``, ``2.5 GiB``.

    The units are those of IEC 80000-13, and the same in every language.
    """
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    decimals = 0 if unit == "B" or abs(value) >= 100 else 1
    return f"{number(value, language, decimals)}{_GAP}{unit}"


def at_least(value: Decimal, language: str, decimals: int) -> str:
    """As :func:`number`; what is something, but less than it can show, is ``< 0.01``."""
    return _little(value, language, decimals) or number(value, language, decimals)


def fixed_at_least(value: Decimal, language: str, decimals: int) -> str:
    """As :func:`fixed`; what is something, but less than it can show, is ``< 0.01``."""
    return _little(value, language, decimals) or fixed(value, language, decimals)


def _little(value: Decimal, language: str, decimals: int) -> str:
    least = Decimal(1).scaleb(-decimals)
    return f"<{_GAP}{fixed(least, language, decimals)}" if 0 < value < least else ""


def fixed(value: Decimal, language: str, decimals: int) -> str:
    """``value`` with just as many places, so that a column of them is in line."""
    return format_decimal(value, "#,##0." + "0" * decimals, locale=_locale(language))


def percent(share: float, language: str) -> str:
    """A share of one as whole per cent."""
    return format_percent(share, locale=_locale(language))


def duration(seconds: int, language: str) -> str:
    """How long: ``45 s``, ``20 min``, ``3 h 20 min``, ``5 days 3 h``; rounded down.

    s, min and h are the same in every language; days are written out.
    """
    if seconds < _MINUTE:
        return f"{seconds}{_GAP}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}{_GAP}min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(seconds, _HOUR)
        minutes = rest // _MINUTE
        return f"{hours}{_GAP}h" + (f" {minutes}{_GAP}min" if minutes else "")
    days, rest = divmod(seconds, _DAY)
    hours = rest // _HOUR if days < 14 else 0
    shown = format_timedelta(
        timedelta(days=days), "day", threshold=_NO_LARGER_UNIT, locale=_locale(language)
    )
    return shown.replace(" ", _GAP) + (f" {hours}{_GAP}h" if hours else "")


def moment(when: datetime, language: str, zone: tzinfo, now: datetime | None = None) -> str:
    """A moment in ``zone`` with the zone's name; the day only if it is not today's."""
    local = when.astimezone(zone)
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    clock = format_time(local, "short", tzinfo=zone, locale=_locale(language))
    clock += _GAP + _zone_name(local, language)
    if local.date() == today:
        return clock
    shown = format_skeleton("MMMEd", local, tzinfo=zone, locale=_locale(language))
    if local.year != today.year:
        shown = day(local.date(), language)
    pattern = str(_locale(language).datetime_formats["medium"])
    return pattern.replace("'", "").format(clock, shown)


def clock(when: datetime, language: str, zone: tzinfo) -> str:
    """The time of day in ``zone``, to the minute, without the zone's name."""
    return _clock(int(when.timestamp()) // _MINUTE, language, zone)


def brief(when: datetime, language: str, zone: tzinfo, now: datetime | None = None) -> str:
    """A moment for a column of many, whose zone is named once: the day only if not today's."""
    shown = clock(when, language, zone)
    local = when.astimezone(zone).date()
    if local == (now or datetime.now(UTC)).astimezone(zone).date():
        return shown
    return f"{_day(local, language)}{_GAP}{shown}"


def zone_name(when: datetime, language: str, zone: tzinfo) -> str:
    """What the zone is called in the language at that moment."""
    return _zone_name(when.astimezone(zone), language)


@lru_cache(maxsize=4096)
def _clock(minute: int, language: str, zone: tzinfo) -> str:
    local = datetime.fromtimestamp(minute * _MINUTE, zone)
    return format_time(local, "short", tzinfo=zone, locale=_locale(language))


@lru_cache(maxsize=256)
def _day(day: date, language: str) -> str:
    return format_skeleton("Ed", datetime(day.year, day.month, day.day), locale=_locale(language))  # noqa: DTZ001 - a date


def _zone_name(local: datetime, language: str) -> str:
    """The zone's short name in the language, else the zone's own, never a bare offset."""
    name = get_timezone_name(local, "short", locale=_locale(language))
    return name if name.isalpha() else local.tzname() or name


def month(period: str, language: str) -> str:
    """A budget period such as ``2026-11`` as the month's name and the year."""
    year, number_of_month = map(int, period.split("-"))
    first = datetime(year, number_of_month, 1, tzinfo=UTC)
    return format_skeleton("yMMMM", first, locale=_locale(language))


def day(when: date, language: str) -> str:
    """A day with its year, such as ``28 Nov 2026``."""
    return _without_zero(format_date(when, "medium", locale=_locale(language)), language)


def short_day(when: date, language: str) -> str:
    """A day without its year, such as ``28 Nov``."""
    moment = datetime(when.year, when.month, when.day)  # noqa: DTZ001 - a date
    return format_skeleton("MMMd", moment, locale=_locale(language))


def span(first: date, last: date, language: str) -> str:
    """From a day to another, both included, such as ``1–30 Nov 2026``."""
    shown = format_interval(first, last, "yMMMd", locale=_locale(language))
    return _without_zero(shown, language)


def _without_zero(shown: str, language: str) -> str:
    """Italian writes no zero before a day beside the month's name, though CLDR does."""
    return _ZERO.sub("", shown) if language == "it" else shown


def alternatives(items: Sequence[str], language: str) -> str:
    """``A, B or C``."""
    return format_list(items, style="or", locale=_locale(language))


def is_singular(value: Decimal, language: str) -> bool:
    """Whether the language puts the noun after ``value`` in the singular."""
    if value == value.to_integral_value():
        value = value.to_integral_value()  # “1.00” is a plural, but it is shown as “1”
    return _locale(language).plural_form(value) == "one"
