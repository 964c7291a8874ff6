"""Pages as a program without JavaScript sees them: forms, fields and links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
from bs4 import BeautifulSoup, Tag


@dataclass(frozen=True)
class Form:
    """A form with the values that a click on submit would send."""

    action: str
    method: str
    values: Mapping[str, str]
    #: Every choice of radio buttons, lists and submit buttons: (name, value), disabled left out.
    choices: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def with_values(self, **values: str) -> Form:
        """The form filled in."""
        return Form(self.action, self.method, {**self.values, **values}, self.choices)


def soup(response: httpx.Response) -> BeautifulSoup:
    """The page of a response."""
    return BeautifulSoup(response.text, "html.parser")


def forms(response: httpx.Response) -> list[Form]:
    """The forms of a page, in its order."""
    return [_form(response, tag) for tag in soup(response).find_all("form")]


def form_offering(response: httpx.Response, name: str) -> Form:
    """The form that has a field called ``name``; AssertionError if the page has none."""
    for form in forms(response):
        if name in form.values or name in {choice for choice, _ in form.choices}:
            return form
    raise AssertionError(f"no form with a field {name!r} on {response.url}:\n{text(response)}")


def submit(client: httpx.Client, form: Form) -> httpx.Response:
    """Send the form as a browser does."""
    if form.method == "get":
        return client.get(form.action, params=dict(form.values))
    origin = httpx.URL(form.action).copy_with(raw_path=b"/")
    headers = {"Origin": str(origin).rstrip("/")}
    return client.post(form.action, data=dict(form.values), headers=headers)


def text(response: httpx.Response) -> str:
    """What a person reads on the page."""
    page = soup(response)
    for hidden in page(["script", "style"]):
        hidden.decompose()
    return " ".join(page.get_text(" ").split())


def _form(response: httpx.Response, tag: Tag) -> Form:
    action = str(response.url.join(str(tag.get("action") or "")))
    fields = list(_fields(tag))
    return Form(
        action=action,
        method=str(tag.get("method") or "get").lower(),
        values={name: value for name, value, sent, _ in fields if sent},
        choices=frozenset((name, value) for name, value, _, choice in fields if choice),
    )


def _fields(form: Tag) -> Iterator[tuple[str, str, bool, bool]]:
    """Each field's name, value, whether it is sent as it stands, whether it is a choice."""
    for tag in form.find_all(["input", "button", "select", "textarea"]):
        name = str(tag.get("name") or "")
        if not name or tag.has_attr("disabled"):
            continue
        kind = str(tag.get("type") or "text")
        value = str(tag.get("value") or "")
        if tag.name == "select":
            options = [o for o in tag.find_all("option") if not o.has_attr("disabled")]
            marked = [o for o in options if o.has_attr("selected")] or options[:1]
            for option in options:
                chosen = str(option.get("value") or option.get_text(strip=True))
                yield name, chosen, option in marked, True
        elif kind in {"radio", "checkbox"}:
            yield name, value or "on", tag.has_attr("checked"), True
        elif tag.name == "button" or kind == "submit":
            yield name, value, False, True
        else:
            yield name, value or tag.get_text(), True, False
