"""A press makes each mail from its own values, whatever it has written into its template."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content.folding import Shared
from cs_engine.ports import Letter, Parcel
from cs_engine.run.delivery import press as press_module
from cs_engine.run.delivery.press import Job, Press
from tests.unit.content.project import BARE, project

FOOT = "mailto:out@vendor.example"
VALUES: dict[str, Any] = {
    "company": {"name": "Vendor", "postal_address": "1 Street", "contact": "help@vendor.example"},
    "sender": {"name": "Dana", "signature": "Dana"},
    "preferences_url": "",
}


@pytest.fixture
def press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Press:
    monkeypatch.setattr(press_module, "WORTH_FOLDING", 2)
    project(tmp_path, {"templates/email/m.md": "---\nsubject: S\n---\nHi {{ contact.name }}{{ vars.word }}\n"}, BARE)
    return Press(tmp_path, "en", {"email": lambda letter: Parcel(letter.id, b"")})


def text(press: Press, shared: dict[str, Any], **own: Any) -> str:
    job = Job("m", "email", "m", "en", own, "p", "s", "t", datetime(2026, 3, 2, tzinfo=UTC), Shared.of({**VALUES, **shared}))
    made = press.outgoing(job)
    assert isinstance(made, Letter)
    return made.text


def test_the_next_mail_of_a_folded_template_has_its_own_values(press: Press) -> None:
    shared = {"vars": {"word": "!"}, "unsubscribe_url": FOOT}
    said = [text(press, shared, contact={"name": name}).partition("\n")[0] for name in ("Ann", "Bo", "Cy", "Di")]
    assert said == ["Hi Ann!", "Hi Bo!", "Hi Cy!", "Hi Di!"]
    assert len(press._folded) == 1


def test_mails_that_share_other_values_have_a_template_of_their_own(press: Press) -> None:
    for _ in range(3):
        for word in ("!", "?"):
            shared = {"vars": {"word": word}, "unsubscribe_url": FOOT}
            assert text(press, shared, contact={"name": "Ann"}).startswith(f"Hi Ann{word}\n")
    assert len(press._folded) == 2


def test_a_mails_own_link_wins_over_one_that_others_share(press: Press) -> None:
    shared = {"vars": {"word": "!"}, "unsubscribe_url": FOOT}
    for _ in range(3):
        assert FOOT in text(press, shared, contact={"name": "Ann"})
        theirs = text(press, shared, contact={"name": "Ann"}, unsubscribe_url="https://x.example/u/ann")
        assert "https://x.example/u/ann" in theirs
        assert FOOT not in theirs
