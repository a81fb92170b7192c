"""A mail that is opened fetches nothing: no fonts, styles or pictures that its author did not put there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.content.project import CONTEXT, project

FETCHES = re.compile(r"@import|<link[^>]+href|<script|\bsrc=|url\(", re.IGNORECASE)
FONT = "<mj-attributes><mj-all font-family=\"Roboto, 'Open Sans', Lato, Arial\" /></mj-attributes>"


def test_the_shipped_layout_fetches_nothing(tmp_path: Path) -> None:
    library = project(tmp_path, {"templates/email/m.md": "---\nsubject: Hello\n---\nHello **you**\n"})
    template = library.email("m", "en")
    assert template is not None
    assert FETCHES.findall(template.render(CONTEXT).html) == []


def test_a_font_that_is_merely_named_is_not_fetched(tmp_path: Path) -> None:
    """MJML would load well-known web fonts from elsewhere as soon as a layout names them."""
    layout = (
        f"<mjml><mj-head>{FONT}</mj-head><mj-body><mj-section><mj-column>{{{{ body }}}}<mj-text>{{{{ company.name }}}}"
        "{{ company.postal_address }}{{ company.contact }}{{ unsubscribe_url }}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    files = {"templates/email/layout.mjml": layout, "templates/email/m.md": "---\nsubject: Hello\n---\nHello\n"}
    template = project(tmp_path, files).email("m", "en")
    assert template is not None
    html = template.render(CONTEXT).html
    assert "Roboto" in html
    assert FETCHES.findall(html) == []
