"""What templates can say: translations and formats, for Jinja's two environments.

JupyterHub makes one environment for its handlers and one for its error pages from the
same options, so all of this comes as one Jinja extension.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

from labwerk_hub import formats, texts
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.texts import Localized, Message
from labwerk_hub.hub import language

_GAP = "\N{NO-BREAK SPACE}"
_HOUR_MS = 3_600_000
_MONTH = re.compile(r"\d{4}-\d{2}")


def extension(zone: ZoneInfo) -> type[InternationalizationExtension]:
    """The extension for a site in ``zone``; every text follows the request's language."""

    class LabwerkMarkup(InternationalizationExtension):
        """``{% trans %}``, ``_()`` and the filters of Labwerk's templates."""

        def __init__(self, environment: Environment) -> None:
            super().__init__(environment)
            environment.install_gettext_callables(  # type: ignore[attr-defined]
                _gettext, _ngettext, newstyle=True
            )
            environment.policies["ext.i18n.trimmed"] = True
            environment.filters.update(_filters(zone))
            environment.tests["past"] = _is_past

    return LabwerkMarkup


def _gettext(message: str) -> str:
    return texts.translations(language.current()).gettext(message)


def _ngettext(singular: str, plural: str, count: int) -> str:
    return texts.translations(language.current()).ngettext(singular, plural, count)


def _filters(zone: tzinfo) -> dict[str, object]:
    def moment(when: datetime) -> str:
        return formats.moment(_aware(when), language.current(), zone)

    def sentence(message: Message) -> str:
        return texts.render(message, language.current(), zone)

    def clock(when: datetime) -> str:
        return formats.clock(when, language.current(), zone)

    def brief(when: datetime) -> str:
        return formats.brief(when, language.current(), zone)

    def zone_name(when: datetime) -> str:
        return formats.zone_name(when, language.current(), zone)

    def day(when: date | datetime | str) -> str:
        if isinstance(when, str):
            when = date.fromisoformat(when)
        local = _aware(when).astimezone(zone).date() if isinstance(when, datetime) else when
        return formats.day(local, language.current())

    def period(name: str) -> str:
        """A month's name, the days of fixed dates, the name of a term."""
        first, between, last = name.partition("..")
        if between and not last:  # fixed dates are known by their beginning
            return formats.day(date.fromisoformat(first), language.current()) + " –"
        if between:
            return formats.span(
                date.fromisoformat(first), date.fromisoformat(last), language.current()
            )
        return formats.month(name, language.current()) if _MONTH.fullmatch(name) else name

    def day_before(end: datetime) -> str:
        return day(end - timedelta(milliseconds=1))

    return {
        "brief": brief,
        "clock": clock,
        "day": day,
        "day_before": day_before,
        "zone_name": zone_name,
        "alternatives": lambda items: formats.alternatives(items, language.current()),
        "duration": lambda seconds: formats.duration(int(seconds), language.current()),
        "from_ms": from_ms,
        "hours": lambda ticks: formats.fixed_at_least(
            Decimal(ticks) / TICKS_PER_GPU_HOUR, language.current(), 2
        ),
        "gpu_hours": lambda ticks, decimals=None: texts.gpu_hours(
            ticks, language.current(), decimals
        ),
        "hours_run": lambda ms: (
            formats.at_least(Decimal(ms) / _HOUR_MS, language.current(), 1) + f"{_GAP}h"
        ),
        "localized": lambda text: Localized.in_language(text, language.current()),
        "moment": moment,
        "month": lambda period: formats.month(period, language.current()),
        "period": period,
        "number": lambda value, decimals=0: formats.number(value, language.current(), decimals),
        "percent": lambda share: formats.percent(share, language.current()),
        "sentence": sentence,
        "short_day": lambda when: formats.short_day(when, language.current()),
        "size": lambda count: formats.size(count, language.current()),
        "typed_hours": lambda ticks: formats.number(
            Decimal(ticks) / TICKS_PER_GPU_HOUR, language.current(), 3
        ),
        "utc": lambda when: _aware(when).astimezone(UTC).isoformat(timespec="seconds"),
    }


def _is_past(when: datetime) -> bool:
    """Whether a moment has come, to the minute that is shown of it."""
    return _aware(when) <= datetime.now(UTC) + timedelta(minutes=1)


def _aware(when: datetime) -> datetime:
    """JupyterHub's own moments are UTC without saying so."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)
