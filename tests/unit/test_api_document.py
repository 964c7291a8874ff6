"""The OpenAPI document: it is one, and says of each route what it needs and may answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labwerk_hub.api.app import create_app
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.scopes import Scope
from labwerk_hub.services.use_views import LEAVER_DAYS
from openapi_spec_validator import validate
from support.small_install import install

#: Routes that need no scope beside that to reach the service at all.
WITHOUT = {
    "health",
    "metrics",  # read:metrics, JupyterHub's own
    "read_overview",
    "activity",
}


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "of-the-service")
    return create_app(install(tmp_path).settings).openapi()


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def test_it_is_an_openapi_document(document: dict[str, Any]) -> None:
    validate(document)


def test_every_route_says_which_scope_it_needs(document: dict[str, Any]) -> None:
    for one in operations(document):
        scopes = [scope for each in one.get("security", []) for s in each.values() for scope in s]
        if one["operationId"] in WITHOUT:
            assert scopes == []
        else:
            assert len(scopes) == 1, one["operationId"]
            assert scopes[0] in set(Scope), one["operationId"]


def test_every_route_has_a_sentence_once_and_a_tag(document: dict[str, Any]) -> None:
    for one in operations(document):
        assert one["summary"].endswith("."), one["operationId"]
        assert one.get("description") != one["summary"], one["operationId"]
        assert len(one["tags"]) == 1, one["operationId"]


def test_every_route_names_what_may_go_wrong(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for method, one in path.items():
            found = {status for status in one["responses"] if status >= "4"}
            if one["operationId"] in {"health", "metrics"}:
                continue
            assert found >= {"401", "403", "404", "503"}, one["operationId"]
            assert ({"409", "413"} <= found) is (method != "get"), one["operationId"]
            assert ("422" in found) is bool(one.get("parameters") or one.get("requestBody"))


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for one in operations(document):
        for status, answer in one["responses"].items():
            assert status < "4" or answer["content"] == problem, one["operationId"]


def test_every_error_says_its_language_and_every_lang_has_its_header(
    document: dict[str, Any],
) -> None:
    for one in operations(document):
        for status, answer in one["responses"].items():
            assert status < "4" or "Content-Language" in answer["headers"], one["operationId"]
        names = {parameter["name"] for parameter in one.get("parameters", [])}
        assert ("lang" in names) is ("accept-language" in names), one["operationId"]


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for one in operations(document):
        for parameter in one.get("parameters", []):
            assert parameter.get("description"), (one["operationId"], parameter["name"])


def test_what_ticks_are_is_said_and_nothing_is_left_of_the_codes_own_markup(
    document: dict[str, Any],
) -> None:
    assert f"{TICKS_PER_GPU_HOUR} ticks" in document["info"]["description"]
    assert re.findall(r":(?:data|func|class|meth):", str(document)) == []
    assert (
        f"for {LEAVER_DAYS} days" in document["components"]["schemas"]["MemberView"]["description"]
    )


def test_every_answer_has_a_shape(document: dict[str, Any]) -> None:
    for one in operations(document):
        for status in ("200", "201"):
            content = one["responses"].get(status, {}).get("content", {})
            assert all(form.get("schema") for form in content.values()), one["operationId"]


def test_every_scope_is_needed_somewhere(document: dict[str, Any]) -> None:
    needed = {
        scope
        for one in operations(document)
        for each in one.get("security", [])
        for scopes in each.values()
        for scope in scopes
    }
    assert needed == set(Scope)


def test_names_of_operations_are_different(document: dict[str, Any]) -> None:
    names = [one["operationId"] for one in operations(document)]
    assert len(set(names)) == len(names)
