"""`skip` and `postpone`, as a shell sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs_engine.cli.summary import summary
from cs_engine.run.report import TickReport
from tests.stories.world import day
from tests.unit.cli.conftest import Call

WHY = ("--reason", "spoke to them")


def test_what_somebody_ordered_is_said_by_why_with_who_and_the_reason(project: Path, call: Call) -> None:
    said = call("skip", "acc0", "welcome-all", *WHY, "--by-whom", "alex@vendor.example")
    assert said.code == 0, said.err
    assert "is skipped for acc0." in said.out
    assert "already: nothing was changed" in call("skip", "acc0", "welcome-all", *WHY).out
    assert "skip_ordered alex@vendor.example: spoke to them" in " ".join(call("why", "acc0", "welcome-all").out.split())


def test_a_step_waits_until_a_time_or_for_a_span(project: Path, call: Call) -> None:
    assert "until 2026-03-05T10:00Z" in call("postpone", "acc0", "welcome-all", "--by", "3 days", *WHY).out
    assert "until 2026-04-01T00:00Z" in call("postpone", "acc0", "welcome-all", "--until", "2026-04-01", *WHY).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("skip", "acc0", "welcome-all"), "--reason"),
        (("skip", "acc99", "welcome-all", *WHY), "not inside"),
        (("skip", "acc0", "wach", *WHY), 'did you mean "watch"?'),
        (("skip", "acc0", "welcome-all", "nothing", *WHY), "has no step"),
        (("skip", "acc0", "welcome-all", *WHY, "--by-whom", "who@vendor.example"), "team.yaml has nobody"),
        (("skip", "acc0", "watch", *WHY), "nothing is left to come"),
        (("postpone", "acc0", "welcome-all", *WHY), "say until when"),
        (("postpone", "acc0", "welcome-all", *WHY, "--by", "3 moons"), "no length of time"),
        (("postpone", "acc0", "welcome-all", *WHY, "--until", "2020-01-01"), "has passed"),
        (("postpone", "acc0", "welcome-all", *WHY, "--until", "2026-04-01", "--by", "3 days"), "say until when"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_a_mend(project: Path, call: Call, arguments: tuple[str, ...], said: str) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert said in done.err


def test_a_mail_is_shown_edited_and_left_as_it_was(project: Path, call: Call) -> None:
    shown = call("edit", "acc0", "welcome-all", "--show")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Subject: ")
    file = project / "mail.txt"
    file.write_text(shown.out.replace("Subject: ", "Subject: Dear "), encoding="utf-8")
    done = call("edit", "acc0", "welcome-all", "--file", str(file), *WHY, "--by-whom", "alex@vendor.example")
    assert "as you wrote it" in done.out, done.err
    assert "already: nothing was changed" in call("edit", "acc0", "welcome-all", "--file", str(file), *WHY).out
    assert "to go as edited: spoke to them (alex@vendor.example)" in call("why", "acc0", "welcome-all").out
    assert "as the template says." in call("edit", "acc0", "welcome-all", "--undo", *WHY).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of --show, --file and --undo"),
        (("--show", "--undo"), "one of --show, --file and --undo"),
        (("--undo",), "say why"),
        (("--show", "--by-whom", "who@vendor.example"), "team.yaml has nobody"),
        (("nothing", "--show"), "has no step"),
        (("--show", "--for", "nobody"), "not inside"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_a_mend(project: Path, call: Call, arguments: tuple[str, ...], said: str) -> None:
    done = call("edit", "acc0", "welcome-all", *arguments)
    assert done.code == 2
    assert said in done.err


def test_what_is_uncertain_is_listed_and_only_that_resolved(project: Path, call: Call) -> None:
    assert call("resolve").out == "Nothing is uncertain.\n"
    for arguments in (("msg_x",), ("msg_x", "sent"), ("msg_x", "lost", *WHY), ("msg_x", "sent", *WHY)):
        assert call("resolve", *arguments).code == 2
    assert "there is no message 'msg_x'" in call("resolve", "msg_x", "not-sent", *WHY).err


def test_a_run_that_leaves_something_uncertain_says_who_can_resolve_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = TickReport(day(0))
    summary([report], project, None, dry_run=True)
    assert "resolve" not in capsys.readouterr().out
    report.delivery["uncertain"] = 1
    summary([report], project, None, dry_run=True)
    assert " resolve " in capsys.readouterr().out
