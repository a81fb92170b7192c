"""`suppress` binds for good: across runs, and across a change of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.prefect_house import CANARY
from tests.stories.world import day
from tests.unit.cli.conftest import Call

OLD, NEW = "old-key-0123456789abcdef", "new-key-0123456789abcdef"
ADDRESS = "con0@customer.example"
"""The champion of acc0, who is inside welcome-all."""


def mailed(project: Path, call: Call, number: int) -> list[str]:
    """To whom mail went in the tick of that day: every file's To line."""
    from cs_engine.channels.mailbox import mails

    before = {mail.id for mail in mails(project)}
    _tick(project, number)
    return sorted(mail.to for mail in mails(project) if mail.id not in before)


def _tick(project: Path, number: int) -> None:
    from cs_engine.run.tick import run_tick
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        assembled.refresh()
        run_tick(assembled.engine, day(number))


def test_who_is_suppressed_gets_no_mail_and_is_told_so_once(project: Path, call: Call) -> None:
    assert "no mail goes to that address any more" in call("suppress", f"  {ADDRESS.upper()} ").out
    assert "suppressed already" in call("suppress", ADDRESS).out
    assert ADDRESS not in mailed(project, call, 2)


def test_without_it_they_would_get_mail(project: Path, call: Call) -> None:
    assert ADDRESS in mailed(project, call, 2)


def test_a_suppression_binds_after_the_keys_have_changed(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", OLD)
    call("suppress", ADDRESS)
    assert ADDRESS not in mailed(project, call, 1)
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", f"{NEW},{OLD}")
    assert ADDRESS not in mailed(project, call, 2), "read again under the new key"
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", NEW)
    assert ADDRESS not in mailed(project, call, 4), "and it has been carried over"


def test_a_suppression_binds_whose_contact_was_read_before_the_keys_changed(
    project: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`suppress` between the change of keys and the next run."""
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", OLD)
    _tick(project, 1)
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", f"{NEW},{OLD}")
    call("suppress", ADDRESS)
    from cs_engine.run.tick import run_tick
    from cs_engine.wiring import assemble

    with assemble() as assembled:  # no refresh: the contact still has its old hash
        run_tick(assembled.engine, day(2))
    from cs_engine.channels.mailbox import mails

    assert [mail.subject for mail in mails(project) if mail.to == ADDRESS] == ["One for Acc0"]


def test_the_address_itself_is_not_kept(project: Path, call: Call) -> None:
    call("suppress", "stranger@elsewhere.example", "--reason", "asked")
    kept = b"".join(file.read_bytes() for file in (project / ".cs-engine").rglob("*") if file.is_file())
    assert CANARY.encode() in kept, "the search looks where it should"
    assert b"stranger@" not in kept
