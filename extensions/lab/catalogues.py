"""The panel's translations: collect the texts, say what is missing, write what Lab reads.

``python3 catalogues.py`` after a text has changed brings the .po files up to date
(new texts come in empty, for a person to translate) and writes the .json files
beside them, which JupyterLab serves to the browser. Needs Babel, and no network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
DOMAIN = "labwerk_lab"
LOCALES = ("de_DE", "it_IT", "fr_FR")
VERSION = "0.1.0"
HEADER = "# Labwerk in JupyterLab. Translate here, then run catalogues.py."
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {"__": None, "_n": (1, 2), "N_": None}


def folder(locale: str) -> Path:
    """Where one language's catalogue lies."""
    return HERE / "labwerk_lab" / "locale" / locale / "LC_MESSAGES"


def sources() -> Iterator[tuple[Path, str]]:
    """The files with texts, and Babel's way to read each."""
    for path in sorted((HERE / "src").rglob("*.ts*")):
        if "__tests__" not in path.parts:
            yield path, "javascript"
    for path in sorted((HERE / "labwerk_lab").glob("*.py")):
        yield path, "python"


def collect() -> Catalog:
    """Every text that the panel or the server extension shows."""
    catalog = Catalog(project="labwerk-lab", version=VERSION, header_comment="")
    for path, method in sources():
        place = path.relative_to(HERE).as_posix()
        found = extract_from_file(method, path, keywords=KEYWORDS, options={"encoding": "utf-8"})
        for _line, msgid, _comments, context in found:
            if any(msgid):
                catalog.add(msgid, locations=[(place, 0)], context=context)
    return catalog


def load(locale: str) -> Catalog:
    """One language's translations as committed; empty for a new language."""
    path = folder(locale) / f"{DOMAIN}.po"
    if not path.exists():
        return Catalog(locale=locale, domain=DOMAIN, project="labwerk-lab", version=VERSION)
    with path.open("rb") as stream:
        return read_po(stream, locale=locale, domain=DOMAIN)


def translated(message: Message | None) -> bool:
    """Whether a message has all its texts and nobody has to look at it again."""
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return bool(texts) and all(texts)


def missing(locale: str) -> list[str]:
    """The texts that one language lacks."""
    catalog = load(locale)
    return [
        str(message.id)
        for message in collect()
        if message.id and not translated(catalog.get(message.id, message.context))
    ]


def compiled(locale: str) -> str:
    """The JSON document that JupyterLab serves for one language."""
    catalog = load(locale)
    entries: dict[str, object] = {
        "": {
            "domain": DOMAIN,
            "language": locale.replace("_", "-"),
            "plural_forms": catalog.plural_forms,
            "version": VERSION,
        }
    }
    for message in catalog:
        if message.id and translated(message):
            key = message.id[0] if isinstance(message.id, (tuple, list)) else message.id
            texts = message.string
            entries[key] = list(texts) if isinstance(texts, (tuple, list)) else [texts]
    return json.dumps(entries, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def update(locale: str) -> None:
    """Bring one language's .po file up to the sources, and its .json to the .po."""
    catalog = load(locale)
    catalog.update(collect(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = HEADER
    folder(locale).mkdir(parents=True, exist_ok=True)
    with (folder(locale) / f"{DOMAIN}.po").open("wb") as stream:
        write_po(stream, catalog, width=100, include_lineno=False)
    (folder(locale) / f"{DOMAIN}.json").write_text(compiled(locale), "utf-8")


def main() -> int:
    """Update all languages; 1 if a text is missing in one."""
    lacks = False
    for locale in LOCALES:
        update(locale)
        for msgid in missing(locale):
            print(f"{locale}: missing: {msgid}", file=sys.stderr)
            lacks = True
    return int(lacks)


if __name__ == "__main__":
    raise SystemExit(main())
