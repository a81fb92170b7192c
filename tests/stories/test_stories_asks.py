"""What people are asked, and what their answers decide: in conditions, recipients and dates, from the next tick on."""

from __future__ import annotations

from datetime import datetime

from cs_engine.clock import FixedClock
from cs_engine.web.asked import Desk, Unanswered
from tests.stories.world import World, day, opened

ASK = "- {id: survey, email: asks, ask: {score: nps, why: text}}\n"
KICKOFF = "- {id: kickoff, email: asks, ask: {date: date, champion: contact, size: [small, large]}}\n"


def asking(world: World) -> World:
    return world.mail("asks", "A question", "Please tell us.\n\n{{ questions }}")


def answer(world: World, playbook: str, at: datetime, account: str = "acme", step: str = "", **given: str) -> Unanswered | None:
    """The page's button: to the latest message of the playbook (or of that step)."""
    views = [m for m in world.engine.store.messages_of(account, playbook) if m.kind in ("email", "notice", "cta") and step in ("", m.step)]
    desk = Desk(world.loaded, world.engine.store, FixedClock(at))
    found = desk.asking(views[-1].id)
    assert found is not None
    return desk.keep(found, given, found.message.recipient, found.message.recipient_kind)


def test_an_answer_is_read_in_the_next_tick(world: World) -> None:
    steps = ASK + "- {id: w, wait_until: answer('survey.score') <= 6}\n- {id: sorry, email: one}"
    asking(world).customer().playbook("nps", steps)
    assert world.tick(day(0)).sent == ["ann: A question"]
    assert world.tick(day(1)).sent == []
    assert answer(world, "nps", day(1, 12), score="3") is None
    assert world.tick(day(2)).sent == ["ann: One for Acme"]
    assert world.journal("nps", at=day(1, 12)) == ["survey answered score"]
    seen = [line.seen for line in world.engine.store.journal("acme", "nps") if line.step == "w" and line.reason == "met"]
    assert seen == ['{"answer:survey.score":3.0}']


def test_without_an_answer_no_comparison_is_true(world: World) -> None:
    steps = ASK + "- {id: low, if: answer('survey.score') <= 6, email: one}\n- {id: high, if: answer('survey.score') > 6, email: two}"
    asking(world).customer().playbook("nps", steps)
    world.tick(day(0))
    assert world.tick(day(1)).sent == []
    assert world.stands("nps") == ["done"]


def test_the_latest_answer_counts_and_one_that_comes_twice_is_one(world: World) -> None:
    asking(world).customer().playbook("nps", ASK + "- {id: w, wait_until: answer('survey.score') = 9}\n- {id: hi, email: one}")
    world.tick(day(0))
    for hour, score in ((11, "3"), (12, "9"), (12, "9"), (13, "3"), (14, "9")):
        assert answer(world, "nps", day(0, hour), score=score) is None
    lines = [line for line in world.journal("nps") if "answered" in line]
    assert len(lines) == 4
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_done_is_true_once_everything_has_been_answered(world: World) -> None:
    asking(world).customer().playbook("nps", ASK + "- {id: w, wait_until: done('survey')}\n- {id: hi, email: one}")
    world.tick(day(0))
    answer(world, "nps", day(0, 11), score="3")
    assert world.tick(day(1)).sent == []
    answer(world, "nps", day(1, 11), why="It is slow")
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_an_answer_names_whom_a_mail_goes_to(world: World) -> None:
    steps = KICKOFF + "- {id: w, wait_until: done('kickoff')}\n- {id: hi, email: one, to: answer('kickoff.champion')}"
    asking(world).customer().contact("bob", role="operator").account("bell").contact("eve", "bell")
    world.playbook("start", steps, enter="account.id = 'acme'")
    world.tick(day(0))
    refused = answer(world, "start", day(0, 11), champion="eve", size="large", date="2026-03-20")
    assert refused == Unanswered(("champion",)), "a contact of another account is no answer"
    assert answer(world, "start", day(0, 11), champion="bob", size="large", date="2026-03-20") is None
    assert world.tick(day(1)).sent == ["bob: One for Acme"]


def test_nobody_named_passes_the_step_by(world: World) -> None:
    asking(world).customer().playbook("start", KICKOFF + "- {id: hi, email: one, to: answer('kickoff.champion')}")
    world.tick(day(0))
    assert world.tick(day(1)).sent == []
    assert "hi advanced nobody" not in world.journal("start")
    assert world.journal("start")[-1] == "hi finished done: nobody"


def test_an_answer_dates_a_step_and_is_read_anew_until_it_is_sent(world: World) -> None:
    steps = KICKOFF + "- {id: w, wait_until: done('kickoff')}\n- {id: agenda, at: answer('kickoff.date') - 2 business days, email: one}"
    asking(world).customer().playbook("start", steps)
    world.tick(day(0))
    answer(world, "start", day(0, 11), champion="ann", size="small", date="2026-03-12")  # a Thursday
    assert [ticked.sent for ticked in (world.tick(day(1)), world.tick(day(7)))] == [[], []]
    answer(world, "start", day(7, 11), date="2026-03-19")
    assert world.tick(day(9)).sent == []  # the Tuesday before the first date
    assert world.tick(day(15)).sent == ["ann: One for Acme"]


def test_a_new_passage_begins_without_the_answers_of_the_last(world: World) -> None:
    steps = (
        ASK + "- {id: w, wait_until: answer('survey.score') > 8, at_most: 2 days}\n- {id: hi, if: answer('survey.score') > 8, email: one}"
    )
    asking(world).customer(contract_id="c1").playbook("nps", steps, once_per="account.contract_id")
    world.tick(day(0))
    answer(world, "nps", day(0, 11), score="10")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    world.tick(day(2))
    world.account(contract_id="c2")
    world.tick(day(3))
    assert [ticked.sent for ticked in world.span(day(4), day(7))] == [[], [], [], []]


def test_an_answer_from_after_now_is_not_there(world: World) -> None:
    asking(world).customer().playbook("nps", ASK + "- {id: w, wait_until: answer('survey.score') > 8}\n- {id: hi, email: one}")
    world.tick(day(0))
    answer(world, "nps", day(3), score="10")
    assert world.tick(day(1)).sent == []
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


def test_contacts_answer_for_themselves_where_they_pass_through(world: World) -> None:
    steps = ASK + "- {id: w, wait_until: answer('survey.score') = 9}\n- {id: hi, email: one}"
    asking(world).customer().contact("bob", role="operator").playbook("nps", steps, subject="contact")
    assert world.tick(day(0)).sent == ["ann: A question", "bob: A question"]
    views = {m.recipient: m.id for m in world.engine.store.messages_of("acme", "nps")}
    desk = Desk(world.loaded, world.engine.store, FixedClock(day(0, 11)))
    found = desk.asking(views["bob"])
    assert found is not None
    desk.keep(found, {"score": "9"}, "bob", "contact")
    assert world.tick(day(1)).sent == ["bob: One for Acme"]


def test_people_who_are_inside_answer_what_their_version_asked(world: World) -> None:
    asking(world).customer().playbook("nps", ASK + "- {id: w, wait_until: answer('survey.why') = 'slow'}\n- {id: hi, email: one}")
    world.tick(day(0))
    world.playbook(
        "nps", "- {id: survey, email: asks, ask: {why: nps}}\n- {id: w, wait_until: answer('survey.why') > 3}\n- {id: hi, email: two}"
    )
    assert answer(world, "nps", day(0, 11), why="slow") is None
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_why_shows_the_answer_that_a_wait_reads(world: World) -> None:
    asking(world).customer().playbook("nps", ASK + "- {id: w, wait_until: answer('survey.score') > 8}", goal="answer('survey.score') = 10")
    world.tick(day(0))
    answer(world, "nps", day(0, 11), score="7")
    world.tick(day(1))
    assert world.why("nps")["subjects"][0]["conditions"]["goal"]["values"] == {"answer:survey.score": 7.0}


def test_the_mail_has_one_click_links_and_a_text_part_without_html(world: World) -> None:
    asking(world).customer().playbook("nps", ASK)
    mail = opened(world.tick(day(0)).files[0])
    html = mail.get_body(("html",))
    plain = mail.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert html.get_content().count("http://127.0.0.1:8321/a/msg_") == 12
    assert "<a" not in plain.get_content()
    assert plain.get_content().count("http://127.0.0.1:8321/a/msg_") == 1
    assert "ann@" not in html.get_content().split("<body")[1].split("http")[1]


def codes(world: World) -> list[str]:
    return [f"{p.place.line}:{p.place.column} {p.code} {p.message}; {p.mend}" for p in world.loaded.problems.errors()]


def test_an_answer_that_cannot_be_there_yet_is_an_error_at_its_place(world: World) -> None:
    asking(world).customer().playbook("nps", "- {id: hi, if: answer('survey.score') > 8, email: one}\n" + ASK, enter="done('survey')")
    assert codes(world) == [
        "4:9 P122 `enter` is read before anybody can have answered; ask in a playbook that enrols into this one",
        '6:18 P122 the step "survey" cannot have run before "hi"; ask in a step before it',
    ]


def test_other_arms_have_not_asked(world: World) -> None:
    arms = "{a: {weight: 50, steps: [{id: survey, email: asks, ask: {score: nps}}]}, "
    arms += "b: {weight: 50, steps: [{id: hi, if: done('survey'), email: one}]}}"
    asking(world).customer().playbook("nps", "- {id: s, split: " + arms + "}")
    assert [line.split(" ", 2)[1] for line in codes(world)] == ["P122"]


def test_a_step_repeats_until_it_is_answered(world: World) -> None:
    steps = (
        "- {id: survey, email: asks, ask: {score: nps}, repeat: {every: 2 days, times: 3, until: done('survey')}}\n- {id: hi, email: one}"
    )
    asking(world).customer().playbook("nps", steps)
    world.tick(day(0))
    assert world.tick(day(1)).sent == []
    assert world.tick(day(2)).sent == ["ann: A question"]
    answer(world, "nps", day(2, 12), score="1")
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


def test_unknown_fields_and_steps_are_told_with_what_was_meant(world: World) -> None:
    steps = ASK + (
        "- {id: a, if: answer('survey.scor') > 8, email: one}\n- {id: b, if: done('survy'), email: one}\n"
        "- {id: c, if: done('a'), email: one}\n- {id: d, email: one, to: answer('survey.score')}"
    )
    asking(world).customer().playbook("nps", steps)
    assert [line.split(" ", 1)[1] for line in codes(world)] == [
        "X219 no step asks 'survey.scor'; did you mean \"survey.score\"?",
        "X219 there is no step 'survy'; did you mean \"survey\"?",
        'X219 the step "a" asks nothing; give it `ask: {field: text}`',
        "P204 `answer('survey.score')` is no contact; only an answer of type `contact` names somebody",
    ]


def test_what_is_asked_is_checked(world: World) -> None:
    steps = (
        "- {id: a, email: asks, ask: {score: nsp}}\n- {id: b, email: asks, ask: {Score: nps}}\n- {id: c, email: asks, ask: {size: [one]}}\n"
        "- {id: d, email: asks, ask: {}}\n- {id: e, email: asks, ask: [score]}\n- {id: f, email: asks, ask: {x: {title: Hm}}}"
    )
    asking(world).customer().playbook("nps", steps)
    found = [line.split(" ", 1)[1] for line in codes(world)]
    assert found[0] == 'P105 there is no type of answer "nsp"; did you mean "nps"?'
    assert [line[:4] for line in found] == ["P105", "P105", "P105", "P105", "P101", "P105"]


def test_segments_know_no_answers(world: World) -> None:
    world.write("playbooks/segments.yaml", "busy: {when: \"answer('survey.score') > 3\"}\n").customer()
    assert [line.split(" ", 2)[1] for line in codes(world)] == ["X219"]


# --- the latest score --------------------------------------------------------------------------------------------------


def test_the_latest_score_is_a_name_in_other_playbooks_and_blank_where_nobody_gave_one(world: World) -> None:
    asking(world).customer().contact("bob", role="operator").customer("beta", "eve").playbook("survey", ASK, audience="account.id = 'acme'")
    world.playbook("unhappy", "- {id: call, email: one}", enter="nps <= 6")
    world.playbook("unasked", "- {id: hi, email: two}", enter="nps is null")
    assert world.tick(day(0)).sent == ["ann: A question", "ann: Two for Acme", "eve: Two for Beta"]
    answer(world, "survey", day(0, 11), score="9")
    assert world.tick(day(1)).sent == []
    answer(world, "survey", day(1, 11), score="2", why="It is slow")
    assert world.tick(day(2)).sent == ["ann: One for Acme"]
    (subject,) = world.why("unhappy", at=day(1))["subjects"]
    assert subject["conditions"]["enter"]["values"] == {"nps": 9}, "as it was known then"


def test_a_contacts_score_is_their_own_the_accounts_is_the_latest_and_no_staffs_answer_is_one(world: World) -> None:
    asking(world).customer().contact("bob", role="operator")
    world.playbook("survey", "- {id: survey, email: asks, ask: {score: nps}}", subject="contact")
    world.playbook("inside", "- {id: guess, cta: call, ask: {score: nps}}")
    world.playbook("sorry", "- {id: one, email: one}", subject="contact", enter="nps < 5")
    world.playbook("latest", "- {id: two, email: two}", subject="contact", enter="account.nps = 3")
    world.tick(day(0))
    desk = Desk(world.loaded, world.engine.store, FixedClock(day(0, 11)))
    asked = {message.recipient: message.id for message in world.engine.store.messages_of("acme", "survey")}
    for who, score in (("ann", "9"), ("bob", "3")):
        found = desk.asking(asked[who])
        assert found is not None
        assert desk.keep(found, {"score": score}, who, "contact") is None
    assert answer(world, "inside", day(0, 12), score="0") is None
    assert world.tick(day(1)).sent == ["ann: Two for Acme", "bob: One for Acme", "bob: Two for Acme"]
