"""A small install whose university has a project with a lead; served to people with tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from labwerk_hub.domain.ledger import (
    FREE,
    TICKS_PER_GPU_HOUR,
    Charged,
    Posting,
    PostingKind,
    charge_key,
    move,
    used,
)
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.periods import day_of
from labwerk_hub.domain.scopes import Scope
from labwerk_hub.services.openings import open_now

from support.hub_service import serving
from support.mailing import somebody
from support.small_install import HOUR_MS, POOL, SmallInstall, install

HOUR = TICKS_PER_GPU_HOUR
API = "/services/labwerk/api/v1"
ACCESS = "access:services!service=labwerk"
_PROJECT = """
[[projects]]
name = "netz"
title = { en = "Grid load", de = "Netzlast", it = "Carico di rete", fr = "Charge du réseau" }
group = "project-netz"
leads = "netz-leads"
institution = "thr"
gpu_hours = 40
person_gpu_hours = 10
"""


@dataclass(frozen=True)
class BudgetInstall:
    """The install and its people: who uses, leads, administers, operates."""

    site: SmallInstall
    anna: Person
    lea: Person
    mira: Person
    olga: Person

    def charge(self, person: Person, hours: int, budget: str = "project/netz") -> None:
        """Charge somebody for use until now, as a session's metering does."""
        work, now_ms = self.site.workbench, self.site.now_ms
        of = work.catalogue.budgets[budget]
        session = f"lw-{person.uid:06}{hours:06}"
        charged = Charged(
            session=session,
            start_ms=now_ms - hours * HOUR_MS,
            end_ms=now_ms,
            idle_ms=0,
            flavour="large",
            institution=of.institution,
            budget=budget,
            person=person.pseudonym,
            day=day_of(now_ms, work.policy.zone).isoformat(),
            first=True,
            first_of_month=True,
        )
        period = of.periods.at(now_ms).name
        entries = move(budget, period, FREE, used(person.pseudonym), hours * HOUR)
        with work.database.writing() as tx:
            key = charge_key(session, charged.start_ms)
            kind = PostingKind.CHARGE
            tx.ledger.post(Posting(kind, key, now_ms, "labwerk", entries, session, charged))


def budget_install(folder: Path) -> BudgetInstall:
    """Make one in ``folder``, with its budgets granted."""
    site = install(folder, POOL + _PROJECT)
    work = site.workbench
    open_now(work)
    return BudgetInstall(
        site,
        anna=somebody(work, "Anna Müller", "project-netz", locale="de"),
        lea=somebody(work, "Lea Rossi", "project-netz", "netz-leads"),
        mira=somebody(work, "Mira Conti", roles=frozenset({Role.INSTITUTION_ADMIN})),
        olga=somebody(work, "Olga Brandt", roles=frozenset({Role.OPERATOR})),
    )


@dataclass(frozen=True)
class Api:
    """The service, asked with somebody's token."""

    client: TestClient

    def ask(self, who: str, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer to a request of ``who``; ``body`` is sent as JSON."""
        headers = {"Authorization": f"Bearer {who}"}
        answer: httpx.Response = self.client.request(method, API + path, headers=headers, json=body)
        return answer

    def get(self, who: str, path: str) -> Any:
        """What a request that succeeds answers."""
        answer = self.ask(who, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(
        self, who: str, method: str, path: str, body: object = None
    ) -> tuple[int, str, str]:
        """Status, code and sentence of one that does not."""
        answer = self.ask(who, method, path, body)
        problem = answer.json()
        return answer.status_code, problem["code"], problem["message"]


@contextmanager
def api(found: BudgetInstall, patch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The service with a token of all scopes for each of its people, by their first names.

    ``plain`` is Anna's without any scope but that to reach it; ``SCOPE`` is hers with one.
    """
    whole = [ACCESS, *Scope]
    named = {"anna": found.anna, "lea": found.lea, "mira": found.mira, "olga": found.olga}
    tokens: dict[str, object] = {name: _model(who.name, whole) for name, who in named.items()}
    tokens["plain"] = _model(found.anna.name, [ACCESS])
    tokens["stranger"] = _model("thr--nobody", whole)
    tokens |= {scope.value: _model(found.olga.name, [ACCESS, scope]) for scope in Scope}
    with serving(found.site, tokens, patch) as client:
        yield Api(client)


def _model(name: str, scopes: Sequence[str]) -> dict[str, object]:
    """What JupyterHub says of a token."""
    return {"kind": "user", "name": name, "scopes": [str(scope) for scope in scopes]}
