"""Which language the service by REST answers in, and that nobody keeps its answers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from support.budget_install import API, Api, api, budget_install

GERMAN = "„November“ ist kein Monat; bitte schreiben Sie ihn wie 2026-11."
ENGLISH = "“November” is no month; write it like 2026-11."


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    site = budget_install(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch, api(site, patch) as found:
        yield found


def read(service: Api, who: str, path: str, accept_language: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who}"}
    if accept_language is not None:
        headers["Accept-Language"] = accept_language
    answer: httpx.Response = service.client.get(API + path, headers=headers)
    return answer


@pytest.mark.parametrize(
    ("who", "lang", "accept_language", "spoken", "message"),
    [
        ("lea", "", "de-AT, en;q=0.5", "de", GERMAN),
        ("anna", "", "en-GB", "en", ENGLISH),
        ("anna", "&lang=de", "en", "de", GERMAN),
        ("anna", "", "nl", "de", GERMAN),  # her own
        ("anna", "", None, "de", GERMAN),
        ("lea", "", "nl", "en", ENGLISH),  # the site's
    ],
)
def test_an_error_is_told_in_the_language_that_is_asked_for(
    service: Api, who: str, lang: str, accept_language: str | None, spoken: str, message: str
) -> None:
    answer = read(service, who, f"/use?month=November{lang}", accept_language)
    assert (answer.status_code, answer.json()["message"]) == (404, message)
    assert answer.headers["Content-Language"] == spoken


def test_an_error_for_programs_is_in_english_and_says_so(service: Api) -> None:
    for who, path in (("forged", "/use"), ("plain", "/use"), ("anna", "/nix")):
        answer = read(service, who, path, "de")
        assert answer.status_code in {401, 403, 404}
        assert answer.headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    ("who", "lang", "accept_language", "title"),
    [
        ("lea", "", "it-CH", "Carico di rete"),
        ("anna", "", "fr;q=0.9, de;q=0.8", "Charge du réseau"),
        ("anna", "&lang=en", "fr", "Grid load"),
        ("anna", "", "nl", "Netzlast"),
    ],
)
def test_titles_are_in_the_language_that_is_asked_for(
    service: Api, who: str, lang: str, accept_language: str, title: str
) -> None:
    use = read(service, who, f"/use?format=json{lang}", accept_language).json()
    assert title in {one["payer"]["title"] for one in use["budgets"]}


def test_who_reads_about_somebody_else_reads_in_a_language_of_their_own(service: Api) -> None:
    use = read(service, "mira", "/use/people/thr--anna-mueller").json()
    assert "Grid load" in {one["payer"]["title"] for one in use["budgets"]}


@pytest.mark.parametrize("path", ["/use", "/use?format=csv", "/use?month=November", "/nix"])
def test_what_is_of_one_person_is_kept_nowhere(service: Api, path: str) -> None:
    answer = read(service, "anna", path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept-Language"
