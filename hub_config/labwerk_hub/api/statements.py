"""The monthly statements of institutions, in every form that there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labwerk_hub.adapters.statements.form import Format
from labwerk_hub.adapters.statements.rendering import render
from labwerk_hub.api.auth import StatementsReader
from labwerk_hub.api.bodies import file
from labwerk_hub.api.parameters import Lang
from labwerk_hub.api.problems import READING, problems
from labwerk_hub.domain.people import Person
from labwerk_hub.services import statement
from labwerk_hub.services.budget_rights import may_see_statements, require_statements
from labwerk_hub.services.request_pages import language_of
from labwerk_hub.services.views import View
from labwerk_hub.services.workbench import Workbench

_FILES: dict[int | str, dict[str, object]] = {
    200: {
        "content": {
            one.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for one in Format
        }
    }
}


class StatementRow(View):
    """A statement that can be had; ``is_final`` once nothing more can come in."""

    institution: str
    month: str
    is_final: bool


class Statements(View):
    """Statements, the latest month first."""

    statements: tuple[StatementRow, ...]


def router(prefix: str) -> APIRouter:
    """The routes below ``prefix``."""
    routes = APIRouter(prefix=f"{prefix}/api/v1/statements", tags=["statements"])

    @routes.get("", responses=problems(401, 403, 404, 503))
    async def list_statements(request: Request, reader: StatementsReader) -> Statements:
        """The statements of one's institution, for its administrators; all, for operators."""
        return await run_in_threadpool(_list, request.app.state.workbench, reader)

    @routes.get("/{institution}/{month}", response_class=Response, responses={**READING, **_FILES})
    async def read_statement(
        request: Request,
        lang: Lang,
        reader: StatementsReader,
        institution: Annotated[
            str, Path(description="The name that the settings give it.", examples=["thr"])
        ],
        month: Annotated[str, Path(description="Its month.", max_length=40, examples=["2026-11"])],
        form: Annotated[
            Format, Query(alias="format", description="The form of the file.")
        ] = Format.JSON,
    ) -> Response:
        """A month's statement as PDF, CSV, JSON or usage records, with its signature."""
        workbench = request.app.state.workbench
        return await run_in_threadpool(_make, workbench, reader, institution, month, form, lang)

    return routes


def _list(workbench: Workbench, reader: Person) -> Statements:
    return Statements(
        statements=tuple(
            StatementRow(institution=one.institution, month=one.month, is_final=one.final)
            for one in statement.available(workbench)
            if may_see_statements(reader, one.institution)
        )
    )


def _make(
    workbench: Workbench,
    reader: Person,
    institution: str,
    month: str,
    form: Format,
    language: str | None,
) -> Response:
    require_statements(reader, institution)
    made = statement.make(workbench, institution, month)
    names = statement.names_for(workbench, made, language_of(workbench, reader, language))
    content = render(made, form, names)
    statement.handed_out(workbench, made, reader.pseudonym)
    return file(content, form.media_type, f"{institution}-{month}.{form.suffix}")
