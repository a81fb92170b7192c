"""A small project on disk, and contexts for its templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cs_engine.content.library import Library
from cs_engine.content.mail import Rendered

SHIPPED = Path(__file__).resolve().parents[3]
LAYOUT = {
    f"templates/email/{name}": (SHIPPED / "templates/email" / name).read_text(encoding="utf-8") for name in ("layout.mjml", "layout.txt")
}
BARE = {
    "templates/email/layout.mjml": (
        "<mjml><mj-body><mj-section><mj-column>{{ body }}<mj-text css-class='foot'>"
        "{{ company.name }}{{ company.postal_address }}{{ company.contact }}{{ unsubscribe_url }}"
        "</mj-text></mj-column></mj-section></mj-body></mjml>"
    ),
    "templates/email/layout.txt": (
        "{{ body }}\n--\n{{ company.name }}{{ company.postal_address }}{{ company.contact }}{{ unsubscribe_url }}"
    ),
}
"""The least layout: what comes before the footer is the body alone."""

SIGNED = "\n\n{{ sender.signature }}\n"

CONTEXT: Mapping[str, Any] = {
    "contact": {"name": "Alex Morgan", "timezone": "Asia/Tokyo"},
    "account": {"name": "Acme", "renewal_at": None, "timezone": "Europe/Paris"},
    "champion": {"name": "Sam"},
    "csm": {"name": "Dana", "email": "dana@vendor.example", "signature": "Dana"},
    "sender": {"name": "Dana Reyes", "email": "dana@vendor.example", "signature": "Dana Reyes\nVendor"},
    "company": {"name": "Vendor", "postal_address": "1 Street\nTown", "contact": "help@vendor.example"},
    "vars": {"docs": "https://docs.vendor.example"},
    "playbook": {"id": "p", "title": "P"},
    "unsubscribe_url": "mailto:stop@vendor.example?subject=stop",
    "preferences_url": "",
    "changes_28d": 3,
}


def project(root: Path, files: Mapping[str, str], layout: Mapping[str, str] = LAYOUT) -> Library:
    """Writes the files (paths of the project) and opens the library."""
    for name, text in {**layout, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Library(root, "en")


def mail(root: Path, body: str, subject: str = "Hello", locale: str = "en", **values: Any) -> Rendered:
    """One mail of that body, rendered under the least layout; `values` lie over CONTEXT."""
    suffix = "" if locale == "en" else f".{locale}"
    text = f"---\nsubject: {subject}\n---\n{body}{SIGNED}"
    template = project(root, {f"templates/email/m{suffix}.md": text}, BARE).email("m", locale)
    assert template is not None
    return template.render({**CONTEXT, **values})


def body_of(rendered: Rendered) -> str:
    """The HTML of the body: what stands in mj-text, without the signature, the footer and the tables around them."""
    inside = re.findall(r'<div style="font-family[^>]*>(.*?)</div>|(<a href=.*?</a>)', rendered.html, re.DOTALL)
    parts = [text or button for text, button in inside[:-1]]
    plain = re.sub(r' (?:style|target|cellpadding|cellspacing|class)="[^"]*"', "", "".join(parts)).replace("<br />", "<br>")
    return re.sub(r"<p>Dana Reyes<br>Vendor</p>$", "", plain)


def text_of(rendered: Rendered) -> str:
    """The text part's body, without signature and footer."""
    return rendered.text.partition("\n\nDana Reyes")[0].partition("Dana Reyes")[0].rstrip("\n")
