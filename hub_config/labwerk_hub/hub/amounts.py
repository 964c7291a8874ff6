"""Amounts as people type them: GPU-hours, in the language's way of writing numbers."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.numbers import NumberFormatError, parse_decimal

from labwerk_hub.domain.ledger import MOST_GPU_HOURS, TICKS_PER_GPU_HOUR
from labwerk_hub.domain.texts import Message
from labwerk_hub.texts import SaidError

_PLAIN = re.compile(r"\d{1,12}(?:[.,]\d{1,6})?")


class AmountError(SaidError):
    """What was typed is no amount of GPU-hours."""

    code = "amount"


def ticks_of(typed: str, language: str) -> int:
    """Ticks for what somebody typed, such as ``12,5``. Raises AmountError.

    Where the language has a reading of it, that counts (``1.000`` is a thousand in German);
    else a comma and a dot are both taken as the decimal sign.
    """
    text = "".join(typed.split())
    try:
        hours = parse_decimal(text, locale=language, strict=True)
    except NumberFormatError:
        if not _PLAIN.fullmatch(text):
            raise AmountError(
                Message("Please give a number of GPU-hours, such as %(example)s.", {"example": 20})
            ) from None
        hours = Decimal(text.replace(",", "."))
    if not hours.is_finite() or not 0 <= hours <= MOST_GPU_HOURS:
        raise AmountError(
            Message(
                "Please give a number of GPU-hours from 0 to %(most)s.", {"most": MOST_GPU_HOURS}
            )
        )
    return round(hours * TICKS_PER_GPU_HOUR)
