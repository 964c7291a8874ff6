"""Which language a request is answered in."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import copy_context

import pytest
from labwerk_hub.hub.language import COOKIE, RequestLanguage, choose, current, switches
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine


class _Connection:
    """As much of a connection as a request asks of it."""

    def set_close_callback(self, callback: object) -> None:
        """Nobody closes it."""


def _answered(
    headers: Mapping[str, str],
    person_locale: str | None = None,
    default: str = "en",
    uri: str = "/hub/home",
) -> tuple[str, dict[str, str]]:
    """The language a request is answered in, and where the switch leads in each language."""

    def handle() -> tuple[str, dict[str, str]]:
        request = HTTPServerRequest(
            start_line=RequestStartLine("GET", uri, "HTTP/1.1"),
            headers=HTTPHeaders({"Host": "127.0.0.1", **headers}),
            connection=_Connection(),  # type: ignore[arg-type]
        )
        RequestLanguage(request)
        chosen = choose(person_locale, default)
        assert current() == chosen
        return chosen, {switch.language: switch.url for switch in switches("/hub/")}

    return copy_context().run(handle)


def _language(headers: Mapping[str, str], person_locale: str | None = None) -> str:
    return _answered(headers, person_locale)[0]


def test_the_choice_on_the_page_outweighs_everything() -> None:
    headers = {"Cookie": f"{COOKIE}=it", "Accept-Language": "fr"}
    assert _language(headers, "de") == "it"


def test_the_persons_language_outweighs_the_browsers() -> None:
    assert _language({"Accept-Language": "fr"}, "de") == "de"


def test_a_cookie_of_another_meaning_counts_for_nothing() -> None:
    assert _language({"Cookie": f"{COOKIE}=tlh"}, "de") == "de"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("nl, it;q=0.3, fr;q=0.7", "fr"),
        ("fr-CH", "fr"),
        ("DE-at", "de"),
        ("en;q=0.5, IT;Q=0.9", "it"),
        ("de;q=0, it", "it"),
        ("en;q=0.5,de;q=0.5", "en"),
        ("nl,pl;q=0.9", "en"),
        ("de;q=banana,it;q=0.1", "it"),
        ("*", "en"),
        ("", "en"),
        (";;;,,q=", "en"),
    ],
)
def test_the_browsers_wishes_are_weighed(header: str, language: str) -> None:
    assert _language({"Accept-Language": header}) == language


def test_without_any_wish_the_settings_decide() -> None:
    assert _answered({}, default="it")[0] == "it"


def test_outside_a_request_the_persons_language_counts() -> None:
    assert copy_context().run(choose, "fr", "de") == "fr"


def test_the_switch_leads_back_to_the_page_it_is_on() -> None:
    _, urls = _answered({}, uri="/hub/spawn?next=%2Fuser%2Fanna%2Flab")
    assert list(urls) == ["en", "de", "it", "fr"]
    assert urls["de"] == (
        "/hub/labwerk/language?to=de&next=%2Fhub%2Fspawn%3Fnext%3D%252Fuser%252Fanna%252Flab"
    )


def test_the_switch_never_repeats_the_return_of_a_sign_in() -> None:
    _, urls = _answered({}, uri="/hub/oauth_callback?code=1&state=2")
    assert urls["fr"] == "/hub/labwerk/language?to=fr&next=%2Fhub%2Fhome"
