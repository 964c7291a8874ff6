"""The server extension's own sentences, from the same catalogues as the panel's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

CATALOGUES = {"de": "de_DE", "it": "it_IT", "fr": "fr_FR"}
"""The languages beside English, and the locales that JupyterLab knows them by."""


def N_(msgid: str) -> str:  # noqa: N802  the marker gettext tools know
    """Mark a text for the catalogues; it is translated when it is shown."""
    return msgid


SENTENCES = {
    "not-your-server": N_(
        "This is somebody else's server: only its owner can extend the session, "
        "choose who pays or ask for more."
    ),
    "not-configured": N_(
        "This JupyterLab was not started by a Labwerk workbench, "
        "so there is no slice, budget or dataset to show."
    ),
    "service-unreachable": N_(
        "The workbench's service cannot be reached. "
        "Your session runs on; this panel asks again by itself."
    ),
    "service-timeout": N_(
        "The workbench's service did not answer in time. "
        "Your session runs on; this panel asks again by itself."
    ),
    "service-failed": N_(
        "The workbench's service gave an answer that is not understood here. "
        "Your session runs on; please tell the operators if this lasts."
    ),
}


def pick_language(tag: str) -> str:
    """The language that a tag such as ``de-DE`` asks for, or English."""
    language = tag.replace("_", "-").split("-")[0].lower()
    return language if language in CATALOGUES else "en"


def sentence(code: str, language: str) -> str:
    """The sentence that belongs to a code, in one of Labwerk's languages."""
    msgid = SENTENCES[code]
    return _catalogue(language).get(msgid, msgid)


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language not in CATALOGUES:
        return {}
    folder = Path(__file__).parent / "locale" / CATALOGUES[language] / "LC_MESSAGES"
    entries: dict[str, list[str]] = json.loads((folder / "labwerk_lab.json").read_text("utf-8"))
    return {msgid: texts[0] for msgid, texts in entries.items() if msgid}
