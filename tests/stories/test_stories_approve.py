"""Mails that somebody reads before they go: held until their yes, sent as they were read, told to the manager when it is late."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cs_engine.cli.approve import command
from cs_engine.content.written import edited_in, read_edited
from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.journey.approval import Approval
from cs_engine.run.desk.approving import answer
from cs_engine.run.desk.stepping import postpone
from tests.stories.world import Ticked, World, day, opened

STEP = "- {id: hi, email: one, approve: csm}\n- {id: then, email: two}"


def waiting(world: World) -> Approval:
    (found,) = world.engine.store.approvals_waiting()
    return found


def say(world: World, approval: Approval, *, yes: bool = True, hour: float = 12, edited: tuple[str, str] | None = None) -> bool:
    engine = world.engine
    return answer(engine.store, engine.project, approval, "kim", day(0, hour), yes=yes, reason="" if yes else "not now", edited=edited)


def body(ticked: Ticked, kind: str = "plain") -> str:
    (mail,) = [opened(file) for file in ticked.files if file.path.suffix == ".eml"]
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_waits_for_its_yes_and_the_passage_with_it(world: World) -> None:
    world.customer().playbook("p", STEP)
    asked = world.tick(day(0))
    assert [line.partition(":")[0] for line in asked.sent] == ["U-ALEX"]
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]
    assert world.tick(day(1)).sent == []
    assert say(world, waiting(world))
    assert world.tick(day(1, 11)).sent == ["ann: One for Acme"]
    assert world.tick(day(1, 12)).sent == ["ann: Two for Acme"]
    events = [line for line in world.journal("p") if line.startswith("hi") and "held" not in line]
    assert events == ["hi entered", "hi approval_asked alex@vendor.example", "hi approved kim", "hi accepted", "hi advanced sent"]


def test_who_is_away_is_not_asked_and_each_reads_it_in_their_language_and_zone(world: World) -> None:
    team = """\
        staff:
          - {email: lead@vendor.example, name: Toni Lead, slack: U-LEAD, locale: en, timezone: Europe/Berlin}
          - {email: alex@vendor.example, name: Alex, slack: U-ALEX, away: [2026-03-02], substitute: kim@vendor.example}
          - {email: kim@vendor.example, name: Kim, slack: U-KIM, manager: lead@vendor.example, locale: ja, timezone: Asia/Tokyo}
        """
    world.write("playbooks/team.yaml", team).customer().playbook("p", STEP)
    assert world.tick(day(0)).sent == [
        "U-KIM: :eyes: *p* / hi（acme）: メールの承認をお願いします。期限は2026-03-04 19:00 Asia/Tokyoです。"
    ]
    (late,) = world.tick(day(3)).sent
    assert late.startswith(
        "U-LEAD: :hourglass: *p* / hi for acme: a mail has waited for kim@vendor.example's yes since 2026-03-02 11:00 Eu"
    )


def test_a_file_that_is_no_text_is_refused(world: World, tmp_path: Path) -> None:
    file = tmp_path / "mail.txt"
    file.write_bytes("Subject: 件名\n\n山田様\n".encode("shift_jis"))
    with pytest.raises(WrongUse, match="is not UTF-8"):
        edited_in(file)


def test_what_was_read_is_what_is_sent(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    read = waiting(world)
    world.mail("one", "Something else", "Something else").account(name="Changed")
    assert say(world, read)
    sent = world.tick(day(1))
    assert sent.sent == ["ann: One for Acme"]
    assert body(sent).strip() == read.text.strip()
    assert "Something else" not in body(sent, "html")


def test_an_edited_mail_goes_as_it_was_edited(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    read = waiting(world)
    text = read.text.replace("Dear", "Hello <b>dear</b>\nhttps://vendor.example/x.\n")
    assert say(world, read, edited=read_edited(f"Subject: My own words\n\n{text}"))
    sent = world.tick(day(1))
    assert sent.sent == ["ann: My own words"]
    assert "Hello <b>dear</b>" in body(sent)
    assert '<a href="https://vendor.example/x">https://vendor.example/x</a>.<br>' in body(sent, "html")
    assert "&lt;b&gt;" in body(sent, "html")


def test_an_edited_mail_keeps_what_mail_law_asks_for(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    with pytest.raises(WrongUse, match="mail law"):
        say(world, waiting(world), edited=("", "Only this"))
    assert world.tick(day(1)).sent == []


def test_a_no_skips_the_mail_and_the_passage_goes_on(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    assert say(world, waiting(world), yes=False)
    assert world.tick(day(1)).sent == []
    assert world.messages("p") == ["hi ann skipped (refused)"]
    assert world.tick(day(2)).sent == ["ann: Two for Acme"]


def test_the_first_answer_counts(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    read = waiting(world)
    assert [say(world, read, yes=False), say(world, read), say(world, read, yes=False)] == [True, False, False]
    world.tick(day(1))
    assert world.messages("p") == ["hi ann skipped (refused)"]


def test_after_the_deadline_the_manager_is_told_once_and_nothing_is_sent(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    assert world.tick(day(1)).sent == []
    late = world.tick(day(2, 11))  # Monday 10:00 and two business days
    assert [line.partition(":")[0] for line in late.sent] == ["U-LEAD"]
    assert [ticked.sent for ticked in world.span(day(3), day(9))] == [[]] * 7
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]
    assert say(world, waiting(world)), "a late yes is a yes"
    assert world.tick(day(10)).sent == ["ann: One for Acme"]


def test_where_the_date_of_what_waits_for_a_yes_moves_its_deadline_does_and_comes_back_with_it(world: World) -> None:
    world.customer(renewal_at=day(0, 9).isoformat()).playbook("p", STEP.replace("hi,", "hi, at: account.renewal_at,"))
    assert [line.partition(":")[0] for line in world.tick(day(0)).sent] == ["U-ALEX"]
    asked_for = waiting(world).deadline
    world.account(renewal_at=day(7, 9).isoformat())
    assert [world.tick(day(at)).sent for at in (1, 2, 3, 7, 8)] == [[]] * 5
    assert waiting(world).deadline == to_micros(day(9, 9)), "two business days after the date"
    world.account(renewal_at=day(0, 9).isoformat())
    assert [line.partition(":")[0] for line in world.tick(day(8, 12)).sent] == ["U-LEAD"]
    assert waiting(world).deadline == asked_for
    assert world.tick(day(10)).sent == []


def test_a_deadline_follows_what_is_postponed(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    postpone(world.engine, "acme", "p", "hi", to_micros(day(4)), "at a fair")
    assert [world.tick(day(at)).sent for at in (1, 2.5, 3)] == [[]] * 3
    assert [line.partition(":")[0] for line in world.tick(day(8)).sent] == ["U-LEAD"]


def test_a_deadline_of_its_own_and_another_reader(world: World) -> None:
    world.customer().playbook("p", "- {id: hi, email: one, approve: {by: sales, within: 3 hours}}")
    assert [line.partition(":")[0] for line in world.tick(day(0)).sent] == ["U-KIM"]
    assert [line.partition(":")[0] for line in world.tick(day(0, 14)).sent] == ["U-LEAD"]


def test_nothing_goes_after_the_goal_though_it_was_approved(world: World) -> None:
    world.customer().playbook("p", STEP, goal="uses > 0")
    world.tick(day(0))
    read = waiting(world)
    assert say(world, read)
    world.uses("acme", day(0, 13))
    assert world.tick(day(1)).sent == []
    assert not say(world, read)
    assert world.engine.store.approvals_waiting() == []


def test_what_expires_does_not_wait_for_ever(world: World) -> None:
    world.customer().playbook("p", "- {id: hi, email: one, approve: csm, expires: 3 days}")
    world.tick(day(0))
    world.span(day(1), day(4))
    assert world.messages("p") == ["hi ann skipped (expired)"]


def test_a_tick_run_again_asks_once(world: World) -> None:
    world.customer().playbook("p", STEP)
    world.tick(day(0))
    assert world.tick(day(0)).sent == []
    assert world.tick(day(0, 11)).sent == []


def test_who_can_read_is_checked(world: World) -> None:
    world.customer().playbook("p", "- {id: hi, email: one, approve: sails}")
    assert [f"{p.code} {p.message}; {p.mend}" for p in world.loaded.problems.errors()] == [
        'P204 nobody reads mails as "sails"; did you mean "sales"?'
    ]


def run(world: World, *words: str) -> Result:
    """`cs-engine approve …` in the world's project."""
    return CliRunner().invoke(command, words, env={"CS_ENGINE_PROJECT": str(world.root)})


def test_the_command_lists_shows_edits_and_refuses(world: World, tmp_path: Path) -> None:
    world.customer().account("bell").contact("bob", "bell").playbook("p", STEP)
    world.tick(day(0))
    listed = run(world).output.splitlines()
    assert [line.split()[1:4] for line in listed] == [["p/hi", "acme", "alex@vendor.example"], ["p/hi", "bell", "alex@vendor.example"]]
    first, second = (line.split()[0] for line in listed)
    shown = run(world, first, "--show").output
    assert shown.startswith("Subject: One for Acme\n\n")
    file = tmp_path / "mail.txt"
    file.write_text(shown.replace("One", "Mine"), encoding="utf-8")
    assert "Approved" in run(world, first, "--edit", str(file)).output
    assert "not be sent" in run(world, second, "--no", "not now").output
    assert world.tick(day(1)).sent == ["ann: Mine for Acme"]
    assert run(world).output == "No mail waits for a yes.\n"
    for words in ((first,), ("msg_none",)):
        assert isinstance(run(world, *words).exception, WrongUse)
    assert run(world, first, "--show", "--no", "x").exit_code == 2
