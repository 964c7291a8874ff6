"""The extensions' translations: collect the texts, say what is missing, write what Lab reads.

``python3 extensions/catalogues.py`` after a text has changed brings the .po files up
to date (new texts come in empty, for a person to translate) and, for the panel,
writes the .json files beside them, which JupyterLab serves to the browser. Needs
Babel, and no network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
VERSION = "0.1.0"
HEADER = "# Translations of Labwerk. Edit here, then run extensions/catalogues.py."
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "__": None,
    "_n": (1, 2),
    "N_": None,
    "say": None,
}


@dataclass(frozen=True)
class Domain:
    """The texts of one distribution."""

    name: str
    folder: Path
    package: str
    locales: tuple[str, ...]
    json: bool
    """Whether JupyterLab reads the catalogues: it wants JSON, compiled beforehand."""

    def catalogue(self, locale: str) -> Path:
        """The .po file of one language."""
        root = self.folder / self.package / "locale"
        return root / locale / "LC_MESSAGES" / f"{self.name}.po"

    def sources(self) -> Iterator[tuple[Path, str]]:
        """The files with texts, and Babel's way to read each."""
        for path in sorted((self.folder / "src").rglob("*.ts*")):
            if "__tests__" not in path.parts:
                yield path, "javascript"
        for path in sorted((self.folder / self.package).rglob("*.py")):
            yield path, "python"


LAB = Domain("labwerk_lab", HERE / "lab", "labwerk_lab", ("de_DE", "it_IT", "fr_FR"), json=True)
CLIENT = Domain("labwerk", HERE / "client", "labwerk", ("de", "it", "fr"), json=False)
DOMAINS = (LAB, CLIENT)


def collect(domain: Domain) -> Catalog:
    """Every text that a distribution shows."""
    catalog = Catalog()
    for path, method in domain.sources():
        place = path.relative_to(domain.folder).as_posix()
        found = extract_from_file(method, path, keywords=KEYWORDS, options={"encoding": "utf-8"})
        for _line, msgid, _comments, context in found:
            if any(msgid):
                catalog.add(msgid, locations=[(place, 0)], context=context)
    return catalog


def load(domain: Domain, locale: str) -> Catalog:
    """One language's translations as committed; empty for a new language."""
    path = domain.catalogue(locale)
    if not path.exists():
        return Catalog(locale=locale, domain=domain.name, project=domain.name, version=VERSION)
    with path.open("rb") as stream:
        return read_po(stream, locale=locale, domain=domain.name)


def translated(message: Message | None) -> bool:
    """Whether a message has all its texts and nobody has to look at it again."""
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return bool(texts) and all(texts)


def missing(domain: Domain, locale: str) -> list[str]:
    """The texts that one language lacks."""
    catalog = load(domain, locale)
    return [
        str(message.id)
        for message in collect(domain)
        if message.id and not translated(catalog.get(message.id, message.context))
    ]


def left_over(domain: Domain, locale: str) -> list[str]:
    """The translations of texts that no source shows any more."""
    wanted = collect(domain)
    return [
        str(message.id)
        for message in load(domain, locale)
        if message.id and wanted.get(message.id, message.context) is None
    ]


def compiled(domain: Domain, locale: str) -> str:
    """The JSON document that JupyterLab serves for one language."""
    catalog = load(domain, locale)
    entries: dict[str, object] = {
        "": {
            "domain": domain.name,
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


def update(domain: Domain, locale: str) -> None:
    """Bring one language's .po file up to the sources, and its .json to the .po."""
    catalog = load(domain, locale)
    catalog.update(collect(domain), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = HEADER
    path = domain.catalogue(locale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        write_po(stream, catalog, width=100, include_lineno=False)
    if domain.json:
        path.with_suffix(".json").write_text(compiled(domain, locale), "utf-8")


def main() -> int:
    """Update all languages; 1 if a text is missing in one."""
    lacks = False
    for domain in DOMAINS:
        for locale in domain.locales:
            update(domain, locale)
            for msgid in missing(domain, locale):
                print(f"{domain.name} {locale}: missing: {msgid}", file=sys.stderr)
                lacks = True
    return int(lacks)


if __name__ == "__main__":
    raise SystemExit(main())
