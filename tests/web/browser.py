"""A browser without scripts: it asks a real server over a real connection, and reads forms as a person would fill them."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

VOID = frozenset({"meta", "input", "br", "link", "img", "hr"})


@dataclass
class Page(HTMLParser):
    """An answer of the server, and what stands in its HTML."""

    status: int
    headers: Mapping[str, str]
    html: str
    form: dict[str, str] = field(default_factory=dict)
    """What the form would send as it stands."""
    action: str = ""
    lang: str = ""
    labelled: set[str] = field(default_factory=set)
    """Ids and names of the fields that have a label or a legend."""
    fields: dict[str, str] = field(default_factory=dict)
    """Field -> its kind."""
    boxes: dict[str, bool] = field(default_factory=dict)
    """Value of each check box -> whether it is checked."""
    buttons: list[tuple[str, str]] = field(default_factory=list)
    """(name, value) of what can be pressed."""
    text: str = ""
    open: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._select = ""
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        match tag:
            case "html":
                self.lang = given.get("lang", "")
            case "form":
                assert given["method"] == "post"
                self.action = given["action"]
            case "label" if "for" in given:
                self.labelled.add(given["for"])
            case "input" if given["type"] == "radio":
                assert "label" in self.open
                assert "fieldset" in self.open
                self.labelled.add(given["name"])
                self.fields[given["name"]] = "radio"
                if "checked" in given:
                    self.form[given["name"]] = given["value"]
            case "input" if given["type"] == "checkbox":
                assert "label" in self.open
                assert "fieldset" in self.open
                self.boxes[given["value"]] = "checked" in given
            case "input":
                self.fields[given["name"]] = given["type"]
                self.form[given["name"]] = given.get("value", "")
            case "button":
                self.buttons.append((given.get("name", ""), given.get("value", "")))
            case "textarea":
                self.fields[given["name"]] = tag
                self.form[given["name"]] = ""
            case "select":
                self._select = given["name"]
                self.fields[given["name"]] = tag
                self.form[given["name"]] = ""
            case "option" if "selected" in given:
                self.form[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


class Browser:
    def __init__(self, base: str, language: str = "") -> None:
        self.base = base
        self._at = urlsplit(base)
        self._language = language

    def get(self, path: str, method: str = "GET") -> Page:
        return self._ask(method, path, None, {})

    def post(self, path: str, form: Mapping[str, str] | Sequence[tuple[str, str]]) -> Page:
        """Sends the form, and follows to where the server sends us, as browsers do."""
        page = self._ask("POST", path, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        return self.get(page.headers["location"]) if page.status == 303 else page

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        return self._ask("POST", path, body, headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        assert self._at.hostname is not None
        connection = http.client.HTTPConnection(self._at.hostname, self._at.port, timeout=20)
        try:
            own = {"Accept-Language": self._language} if self._language else {}
            connection.request(method, path, body, {**own, **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
            found = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()
        return Page(answer.status, found, text)
