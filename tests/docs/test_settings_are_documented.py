"""Every setting stands, with a comment, in the settings file that is shipped."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator

import pytest
from labwerk_hub.settings import Settings, load_settings
from pydantic import BaseModel
from support.settings import SHIPPED

TEXT = SHIPPED.read_text(encoding="utf-8")
#: Filled in when the file is read, not written in it.
NOT_WRITTEN = {("", "path")}


def keys(model: type[BaseModel], table: str = "") -> Iterator[tuple[str, str]]:
    """Every (table, key) that the models know."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = next(iter(_models_in(field.annotation)), None)
        if inner is None:
            yield table, key
        else:
            yield from keys(inner, f"{table}.{key}".lstrip("."))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


ALL_KEYS = sorted(set(keys(Settings)) - NOT_WRITTEN)


def tables() -> dict[str, str]:
    """The text of each table (all entries of an array of tables together), comments above too."""
    found: dict[str, str] = {}
    parts = re.split(r"(?m)^\[+([a-z_.]+)\]+$", TEXT)
    for before, name, body in zip(parts[0::2], parts[1::2], parts[2::2], strict=False):
        comments = before.rpartition("\n\n")[2]
        found[name] = found.get(name, "") + comments + body
    return found


def test_the_shipped_file_is_without_fault() -> None:
    assert load_settings(SHIPPED).demo.people


@pytest.mark.parametrize(("table", "key"), ALL_KEYS, ids=lambda part: part or "top")
def test_every_key_is_set_or_named_in_a_comment_of_its_table(table: str, key: str) -> None:
    if f"{table}.{key}" in tables():  # a table whose keys are the deployer's own
        return
    text = tables().get(table, "")
    written = re.search(rf"(?m)^#? ?{key} = ", text)
    named = re.search(rf"(?m)^#.*`{key}`", text)
    assert written or named, f"labwerk.toml does not show {table}.{key}"


def test_every_table_has_a_comment() -> None:
    lines = TEXT.splitlines()
    seen: set[str] = set()
    for number, line in enumerate(lines):
        header = re.fullmatch(r"\[+([a-z_.]+)\]+", line)
        if header is None or header[1] in seen:
            continue
        seen.add(header[1])
        around = lines[max(0, number - 6) : number] + lines[number + 1 : number + 2]
        assert any(text.startswith("#") for text in around), f"[{header[1]}] has no comment"
