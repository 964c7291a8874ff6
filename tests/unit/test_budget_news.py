"""What leads and administrators are told by mail without having asked, each once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from labwerk_hub.domain.ledger import OVER
from labwerk_hub.services import budget_news
from support.request_site import HOUR, RequestSite, request_site
from support.workbench import Bench


@pytest.fixture
def site(bench: Bench) -> Iterator[RequestSite]:
    with request_site(bench) as found:
        yield found


def test_leads_are_told_once_in_a_period_that_less_than_a_fifth_is_left(site: RequestSite) -> None:
    work = site.bench.workbench
    site.use(80 * HOUR)
    site.use(30 * HOUR, OVER)  # which leaves as much as there was
    assert budget_news.tell(work) == 0
    site.use(1)
    assert budget_news.tell(work) == 1
    assert budget_news.tell(work) == 0
    mails = site.mails()
    assert set(mails) == {"lea@thr.example"}
    assert "restano 20 ore GPU su 100 ore GPU" in mails["lea@thr.example"]


def test_administrators_are_told_once_that_a_months_statement_is_ready(site: RequestSite) -> None:
    bench = site.bench
    bench.start(site.mira.name)
    bench.clock.step(hours=1)
    assert budget_news.tell(bench.workbench) == 0, "the month is not over"
    bench.stop(site.mira.name)
    bench.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    assert budget_news.tell(bench.workbench) == 1
    assert budget_news.tell(bench.workbench) == 0
    mails = site.mails()
    assert set(mails) == {"mira@thr.example"}
    assert "Le mois de novembre 2026 est terminé" in mails["mira@thr.example"]
