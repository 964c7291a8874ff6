"""Texts as data: a message with its parameters, and a text in every language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

LANGUAGES = ("en", "de", "it", "fr")
#: As the ledger has it, which cannot be imported here.
_TICKS_PER_GPU_HOUR = 24 * 3600
_GAPS = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True)
class GpuHours:
    """An amount of ticks in a message, to be shown as GPU-hours.

    With at most so many ``decimals``; None: as many as suit the amount.
    """

    ticks: int
    decimals: int | None = None

    def __str__(self) -> str:
        return f"{self.ticks / _TICKS_PER_GPU_HOUR:.2f} GPU-hours"


@dataclass(frozen=True)
class Localized:
    """One text in the four languages Labwerk speaks."""

    en: str
    de: str
    it: str
    fr: str

    @classmethod
    def same(cls, text: str) -> Localized:
        """A text that reads the same in every language, such as a firm's name."""
        return cls(en=text, de=text, it=text, fr=text)

    def in_language(self, language: str) -> str:
        """The text in ``language``; English for a language Labwerk does not speak."""
        return {"de": self.de, "it": self.it, "fr": self.fr}.get(language, self.en)

    def __str__(self) -> str:
        return self.en


#: What may stand in a message.
Param = str | int | datetime | GpuHours | Localized


@dataclass(frozen=True)
class Message:
    """A sentence to be translated where it is shown.

    ``msgid`` is the English sentence with ``%(name)s`` places; ``params`` fills them (a
    moment is shown in the site's time zone, ticks as GPU-hours).
    The translation happens at the edge (``labwerk_hub.texts.render``), so decisions
    never depend on a language.
    """

    msgid: str
    params: Mapping[str, Param] = field(default_factory=lambda: MappingProxyType({}))


def one_line(text: str) -> str:
    """``text`` as it may stand in a header or within a sentence: one line, nothing invisible.

    Whatever breaks a line in mail or on a screen, and any other control or format character,
    becomes a space; spaces that keep a line together stay.
    """
    plain = "".join(c if c.isprintable() or c in _GAPS else " " for c in text)
    return re.sub(" +", " ", plain).strip()
