"""A CSM writes one account's next mail differently: what they wrote is what goes, once, and whole where law asks for it."""

from __future__ import annotations

import pytest

from cs_engine.content.written import read_edited
from cs_engine.errors import LostRace, WrongUse
from cs_engine.run.desk.editing import Draft, draft, edit, take_back
from tests.stories.test_stories_erase import erased
from tests.stories.world import Ticked, World, day, opened

TWO = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"
ALEX = "alex@vendor.example"


def drafted(world: World, step: str | None = None, who: str = "", playbook: str = "hello") -> Draft:
    with world._looking(None) as tick:
        return draft(tick, "acme", playbook, step, who)


def edits(world: World, step: str | None = None, who: str = "", said: str = "As we said") -> Draft:
    found = drafted(world, step, who)
    assert edit(world.engine, found, f"{said} on Monday", f"{said}.\n\n{found.text}", "we spoke", ALEX)
    return found


def body(ticked: Ticked, kind: str = "plain") -> str:
    (mail,) = [opened(file) for file in ticked.files if file.path.suffix == ".eml"]
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_that_waits_goes_as_it_was_written(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    edits(world)
    sent = world.tick(day(1))
    assert sent.sent == ["ann: As we said on Monday"]
    assert body(sent).startswith("As we said.")
    assert "<p>As we said.</p>" in body(sent, "html")
    assert "one edit_ordered alex@vendor.example: we spoke" in world.journal("hello")
    assert world.tick(day(3)).sent == ["ann: Two for Acme"], "only that step's"


def test_a_mail_that_lies_ahead_is_the_next_one_whatever_waits_and_alerts_lie_before(world: World) -> None:
    world.customer().playbook("hello", TWO.replace("- {id: two", "- {id: ring, cta: call}\n- {id: two")).tick(day(0))
    world.tick(day(1))
    assert edits(world).step == "two"
    world.tick(day(2))
    assert world.tick(day(3)).sent == ["ann: As we said on Monday"]


def test_every_recipient_gets_it_once_and_who_stands_in_too(world: World) -> None:
    world.project(people={"fallback": {"champion": "operators"}})
    world.customer().contact("bob", role="operator").contact("kim", role="operator")
    world.playbook("hello", "- {id: one, email: one}\n- {id: two, email: two, to: operators}").tick(day(0, 22))
    edits(world, "one", said="First")
    edits(world, "two", said="Second")
    world.suppress("ann@customer.example")
    assert world.tick(day(1)).sent == ["bob: First on Monday", "kim: First on Monday"]
    assert world.tick(day(2)).sent == ["bob: Second on Monday", "kim: Second on Monday"]
    assert world.engine.store.edits_of("acme", "hello") == [], "and is forgotten"


def test_of_a_step_that_repeats_only_the_next_time(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one, repeat: {every: 1 day, times: 4}}").tick(day(0))
    with pytest.raises(WrongUse, match="not decided yet"):
        edits(world)
    edits(world, "one")
    assert [world.tick(day(n)).sent for n in (1, 2)] == [["ann: As we said on Monday"], ["ann: One for Acme"]]


def test_the_goal_ends_it_all_the_same_and_the_text_is_forgotten(world: World) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("hello", TWO, goal="uses > 0").tick(day(0, 22))
    edits(world)
    assert world.tick(day(1)).sent == []
    assert world.engine.store.edits_of("acme", "hello") == []


def test_the_last_text_holds_the_same_again_is_nothing_and_undo_brings_the_own_mail_back(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    edits(world)
    again = drafted(world)
    assert (again.edited, again.text.split(".")[0]) == (True, "As we said"), "the draft is what somebody left"
    assert not edit(world.engine, again, "", again.text, "once more", ALEX)
    assert edit(world.engine, drafted(world), "Newer", again.text, "better", ALEX)
    assert take_back(world.engine, drafted(world), "the usual one", ALEX)
    assert not take_back(world.engine, drafted(world), "the usual one", ALEX)
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert [line.split()[1] for line in world.journal("hello") if "edit" in line] == ["edit_ordered", "edit_ordered", "edit_taken_back"]


def test_what_mail_law_asks_for_stays(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    found = drafted(world)
    for lost in ("1 Street", "mailto:out@vendor.example"):
        with pytest.raises(WrongUse, match="mail law"):
            edit(world.engine, found, "Hi", found.text.replace(lost, ""), "shorter")
    with pytest.raises(WrongUse, match="has a text"):
        edit(world.engine, found, "Hi", " ", "shorter")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_each_recipient_answers_by_a_link_of_their_own(world: World) -> None:
    world.mail("ask", "How is it", "{{ questions }}")
    world.customer().contact("bob", role="operator").contact("kim", role="operator")
    world.playbook("hello", "- {id: one, email: ask, to: operators, ask: {happy: yes_no}}").tick(day(0, 22))
    found = drafted(world)
    assert "[[answer]]" in found.text
    with pytest.raises(WrongUse, match="link to what the mail asks"):
        edit(world.engine, found, "", found.text.replace("[[answer]]", ""), "shorter")
    edits(world)
    sent = world.tick(day(1))
    texts = [str(opened(file).get_body(("plain",)).get_content()) for file in sent.files]  # type: ignore[union-attr]
    links = {line for text in texts for line in text.split() if "/a/" in line}
    assert len(links) == 2
    assert not any("[[" in text for text in texts)


def test_a_mail_that_is_read_first_is_read_as_it_was_edited_and_then_edited_by_its_reader(world: World) -> None:
    world.customer().playbook("hello", TWO.replace("email: two", "email: two, approve: csm")).tick(day(0))
    world.tick(day(1))
    edits(world, "two")
    world.tick(day(3))
    (asked,) = world.engine.store.approvals_waiting()
    assert asked.subject == "As we said on Monday"
    with pytest.raises(WrongUse, match="waits for a yes") as refused:
        drafted(world, "two")
    assert asked.message_id in refused.value.mend


def test_why_shows_who_edited_what_and_nobody_reads_the_text_there(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    edits(world, "two")
    shown = {step["step"]: step["edit"] for step in world.why("hello")["passages"][0]["steps"]}
    assert shown == {
        "one": None,
        "rest": None,
        "two": {"subject": "As we said on Monday", "by": ALEX, "reason": "we spoke", "at": "2026-03-02T10:00:00Z"},
    }


def test_of_several_contacts_inside_one_is_named(world: World) -> None:
    world.customer().contact("bob").playbook("hello", TWO, subject="contact").tick(day(0, 22))
    with pytest.raises(WrongUse, match="2 of acme") as refused:
        drafted(world)
    assert refused.value.mend == "name one with --for: ann, bob"
    edits(world, who="bob")
    assert world.tick(day(1)).sent == ["ann: One for Acme", "bob: As we said on Monday"]


@pytest.mark.parametrize(
    ("step", "at", "said"),
    [("thre", 0, "has no step"), ("one", 1, "is behind it"), ("rest", 1, "sends no mail"), (None, 4, "not inside")],
)
def test_what_cannot_be_edited_is_refused_with_the_reason(world: World, step: str | None, at: int, said: str) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    for number in range(1, at + 1):
        world.tick(day(number))
    with pytest.raises(WrongUse) as refused:
        drafted(world, step)
    assert said in refused.value.message
    assert refused.value.mend


def test_a_mail_on_its_way_is_refused_and_a_passage_that_moved_on_is_looked_at_again(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    found = drafted(world)
    channel, refused = world.engine.outbox._channels["email"], []

    class Beside:
        def send(self, parcels: object, holds: object) -> object:
            with pytest.raises(WrongUse, match="on its way"):
                edit(world.engine, found, "Too late", found.text, "we spoke")
            refused.append(True)
            return channel.send(parcels, holds)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(channel, name)

    world.engine.outbox._channels["email"] = Beside()  # type: ignore[index]
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert refused == [True]
    world.tick(day(2))
    with pytest.raises(LostRace):
        edit(world.engine, found, "Too late", found.text, "we spoke")


def test_an_edit_that_is_taken_while_a_run_decides_is_what_goes(world: World) -> None:
    """Given after the tick has read what stands and before it plans the mail."""
    from cs_engine.run.tick import run_tick

    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(1))
    found = drafted(world, "two")

    def between(playbook: str, step: str, work: object) -> None:
        if step == "rest":
            assert edit(world.engine, found, "As we said", found.text, "we spoke")
        work()  # type: ignore[operator]

    run_tick(world.engine, day(3), do=between)
    assert world._ticked({}).sent == ["ann: As we said"]


def test_a_file_is_read_as_it_was_shown(world: World) -> None:
    assert read_edited("Subject: Hi\r\n\r\nDear Ann\r\n") == ("Hi", "Dear Ann\n")
    assert read_edited("\ufeffSubject: Hi\r\n\r\nDear Ann\r\n") == ("Hi", "Dear Ann\n"), "as Windows saves it"
    assert read_edited("subject： 件名\n\n山田様\n") == ("件名", "山田様\n"), "as it is typed in Japanese"
    assert read_edited("Dear Ann\n") == ("", "Dear Ann\n")


def test_each_recipient_leaves_by_a_link_of_their_own_which_has_to_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "https://cs.vendor.example")
    world.customer().contact("bob", role="operator").contact("kim", role="operator")
    world.playbook("hello", "- {id: one, email: one, to: operators}").tick(day(0, 22))
    found = drafted(world)
    assert "[[unsubscribe]]" in found.text
    assert "https://cs.vendor.example" not in found.text, "no link of one in the mail of another"
    with pytest.raises(WrongUse, match="mail law"):
        edit(world.engine, found, "", found.text.replace("[[unsubscribe]]", ""), "shorter")
    edits(world)
    mails = {file.to: opened(file) for file in world.tick(day(1)).files}
    for mail in mails.values():
        part = mail.get_body(("plain",))
        assert part is not None
        own = mail["List-Unsubscribe"].strip("<>")
        assert own in str(part.get_content())
        assert "[[" not in str(part.get_content())
    assert len({mail["List-Unsubscribe"] for mail in mails.values()}) == 2


def test_what_was_written_to_somebody_goes_when_they_are_erased(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    edits(world, "two")
    erased(world, "ann", day(0, 11))
    assert world.engine.store.edits_of("acme", "hello") == []
