"""Texts in the four languages: catalogues, and messages made into sentences.

The catalogues are gettext's .po files below ``locale/``, read when first needed; there
is no step that compiles them. English is what stands in the code.
"""

from __future__ import annotations

import gettext
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from labwerk_hub import formats
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.texts import LANGUAGES, GpuHours, Localized, Message, Param
from labwerk_hub.errors import LabwerkError

__all__ = [
    "LANGUAGES",
    "N_",
    "Message",
    "SaidError",
    "asked_for",
    "gpu_hours",
    "native_name",
    "render",
    "translations",
]  # fmt: skip

DOMAIN = "labwerk"
LOCALE_FOLDER = Path(__file__).parent / "locale"


class SaidError(LabwerkError):
    """An error whose sentence is for a person to read: ``said``, in their language."""

    def __init__(self, said: Message) -> None:
        super().__init__(render(said, "en"))
        self.said = said


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for translation that is looked up later."""
    return msgid


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of ``language``; English, and any language not spoken, is the code's own."""
    path = LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if language not in LANGUAGES or language == "en":
        return gettext.NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def render(message: Message, language: str, zone: tzinfo = UTC) -> str:
    """The sentence that ``message`` is in ``language``.

    Numbers are written as the language does; a moment is shown in ``zone`` and names it.
    """
    params = {name: _shown(value, language, zone) for name, value in message.params.items()}
    return translations(language).gettext(message.msgid) % params


def _shown(value: Param, language: str, zone: tzinfo) -> str:
    if isinstance(value, GpuHours):
        return gpu_hours(value.ticks, language, value.decimals)
    if isinstance(value, Localized):
        return value.in_language(language)
    if isinstance(value, datetime):
        return formats.moment(value, language, zone)
    if isinstance(value, int):
        return formats.number(value, language)
    return value


def gpu_hours(ticks: int, language: str, decimals: int | None = None) -> str:
    """``ticks`` as GPU-hours with the noun, such as ``12.5 GPU-hours``.

    Small amounts keep more places, and what is less than they show is ``< 0.01``, so that
    what is left never reads as nothing.
    """
    hours = Decimal(ticks) / TICKS_PER_GPU_HOUR
    if decimals is None:
        decimals = 1 if hours >= 10 else 2
    shown = formats.at_least(hours, language, decimals)
    singular = formats.is_singular(round(hours, decimals), language)
    noun = translations(language).ngettext(
        "%(hours)s GPU-hour", "%(hours)s GPU-hours", 1 if singular else 2
    )
    return noun % {"hours": shown}


@cache
def native_name(language: str) -> str:
    """What the language calls itself, such as ``Deutsch``."""
    name = Locale.parse(language).get_language_name(language) or language
    return name[0].upper() + name[1:]


def asked_for(accept_language: str) -> str | None:
    """The best of our languages for an Accept-Language header; None if it asks for others."""
    # Tags are of any case (RFC 5646, 2.1.1), and babel gives them back as they came.
    weighted = [_weighted(part) for part in accept_language.lower().split(",")]
    # sorted() keeps the header's order among equal weights.
    wanted = [tag for tag, weight in sorted(weighted, key=lambda pair: -pair[1]) if weight > 0]
    return negotiate_locale(wanted, LANGUAGES, sep="-")


def _weighted(part: str) -> tuple[str, float]:
    """``de-AT;q=0.8`` as ``("de-AT", 0.8)``; what cannot be read weighs nothing."""
    tag, _, quality = part.strip().partition(";")
    try:
        return tag.strip(), float(quality.strip().removeprefix("q=")) if quality else 1.0
    except ValueError:
        return tag.strip(), 0.0
