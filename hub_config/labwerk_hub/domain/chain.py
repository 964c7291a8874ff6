"""Hash chains: each link is the SHA-256 of the link before and of its own content.

Whoever changes, removes or inserts a link changes every later one, so that the last one,
the head, stands for all of them. A head that is kept elsewhere, such as on a statement,
shows later whether the chain is still the one it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

#: What the first link is chained to.
GENESIS = "0" * 64


def canonical(values: Sequence[object]) -> str:
    """``values`` as one text that is the same wherever it is written: JSON without spaces.

    Bytes, which SQLite keeps in a column of any type, give a text that nothing was linked with.
    """
    return json.dumps(
        values, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=repr
    )


def digest(content: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(content.encode()).hexdigest()


def link(previous: str, content: str) -> str:
    """The link after ``previous`` (64 hexadecimal digits) with ``content``."""
    return digest(f"{previous}\n{content}")
