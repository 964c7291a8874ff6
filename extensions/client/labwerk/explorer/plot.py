"""A distribution as SVG: no plotting library, and the page's own colours."""

from __future__ import annotations

from datetime import date, datetime
from html import escape
from typing import Any

from labwerk.explorer.profile import Bar, Profile
from labwerk.texts import number, say

WIDTH = 640
HEIGHT = 180
BASELINE = 150
ROW = 22
LABEL = 200


def plot(profile: Profile) -> str:
    """The distribution as a picture with its own description; empty without values."""
    if not profile.bars:
        return f"<p>{escape(say('This column has no values.'))}</p>"
    title = say("Distribution of %(column)s", column=profile.column)
    body, height = (_rows(profile), ROW * len(profile.bars) + 8)
    if profile.statistics is not None:
        body, height = _histogram(profile.bars), HEIGHT
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;font:12px sans-serif;'
        'fill:var(--jp-ui-font-color1,currentColor)">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def value_text(value: Any) -> str:
    """A value as a reader writes it."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return number(value, 0 if float(value).is_integer() else 3)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _histogram(bars: tuple[Bar, ...]) -> str:
    most = max(bar.count for bar in bars) or 1
    step = WIDTH / len(bars)
    parts = []
    for index, bar in enumerate(bars):
        height = (BASELINE - 10) * bar.count / most
        hint = f"{value_text(bar.low)} … {value_text(bar.high)}: {number(bar.count, 0)}"
        parts.append(
            f'<rect x="{index * step + 0.5:.1f}" y="{BASELINE - height:.1f}" '
            f'width="{step - 1:.1f}" height="{height:.1f}" '
            f'fill="var(--jp-brand-color1,#1976d2)"><title>{escape(hint)}</title></rect>'
        )
    low, high = escape(value_text(bars[0].low)), escape(value_text(bars[-1].high))
    line = (
        f'<line x1="0" x2="{WIDTH}" y1="{BASELINE}" y2="{BASELINE}" '
        'stroke="var(--jp-border-color0,#999)"/>'
    )
    labels = (
        f'<text x="0" y="{BASELINE + 18}">{low}</text>'
        f'<text x="{WIDTH}" y="{BASELINE + 18}" text-anchor="end">{high}</text>'
    )
    return "".join(parts) + line + labels


def _rows(profile: Profile) -> str:
    most = max(bar.count for bar in profile.bars) or 1
    parts = []
    for index, bar in enumerate(profile.bars):
        y = index * ROW + 4
        width = (WIDTH - LABEL - 80) * bar.count / most
        label = value_text(bar.low)
        short = label if len(label) <= 28 else label[:27] + "…"
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{max(width, 1):.1f}" height="{ROW - 5}" '
            f'fill="var(--jp-brand-color1,#1976d2)"><title>{escape(label)}</title></rect>'
            f'<text x="{LABEL + width + 6:.1f}" y="{y + 13}">{number(bar.count, 0)}</text>'
        )
    return "".join(parts)
