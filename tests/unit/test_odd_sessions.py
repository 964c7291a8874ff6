"""A session that something is wrong with: the others are charged and stopped all the same."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import docker.errors
import pytest
import requests
from labwerk_hub.adapters.docker import DockerEngine
from labwerk_hub.errors import EngineRefusedError, EngineUnreachableError
from labwerk_hub.services.reconcile import reconcile
from support.workbench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = 3  # ticks a second of the small slice


@contextmanager
def _odd(bench: Bench, session: str, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine says of one session what nobody expects."""
    answers = bench.engine.cpu_ns

    def cpu_ns(of: str) -> int | None:
        if of == session:
            raise ValueError("no number: 'n/a'")
        return answers(of)

    with patch.context() as patched:
        patched.setattr(bench.engine, "cpu_ns", cpu_ns)
        yield


def test_what_is_odd_about_one_session_is_nobody_elses_trouble(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = bench.person("Anna"), bench.person("Ben")
    odd = bench.start(anna).session
    session = bench.start(ben).session
    with _odd(bench, odd, monkeypatch):
        bench.clock.step(minutes=30)
        reconcile(bench.workbench, [anna, ben])
        assert [bench.used_by(who) for who in (anna, ben)] == [SMALL * 1800] * 2
        assert f"{odd} is left for the next reading" in caplog.text
        assert "no number" in caplog.text, "whoever mends it needs to know where it came from"
        bench.clock.step(minutes=90)
        assert session in [x.session for x in reconcile(bench.workbench, [anna, ben]).to_stop]


@pytest.mark.parametrize(
    ("status", "error"), [(409, EngineRefusedError), (500, EngineUnreachableError)]
)
def test_whatever_the_engine_answers_instead_is_an_error_of_ours(
    status: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code = status

    class Client:
        def stats(self, *_: object, **__: object) -> None:
            raise docker.errors.APIError("no", answer, "the container is paused")

    engine = DockerEngine("tests")
    monkeypatch.setattr(engine, "_opened", Client())
    with pytest.raises(error, match="paused"):
        engine.cpu_ns("lw-1")
