"""What people answered stands in later messages: in their words, of their passage, and checked against who can have answered."""

from __future__ import annotations

import json

import pytest

from cs_engine.run.desk.checks import template_problems
from tests.stories.test_stories_asks import answer, asking
from tests.stories.world import Ticked, World, day, opened

KICKOFF = (
    "- {id: kickoff, email: asks, ask: {date: date, champion: contact, why: text, score: nps, glad: yes_no, "
    "size: {choices: {s: {en: Small, ja: 小}, l: {en: Large, ja: 大}}}}}\n"
)
SAID = (
    "On {{ answer('kickoff.date') | date }} with {{ answer('kickoff.champion') }}: "
    "{{ answer(\"kickoff.size\") }} {{ answer('kickoff.why') }} "
    "{{ answer('kickoff.score') }} {{ answer('kickoff.glad') }} {{ done('kickoff') }}"
    "{% if answer('kickoff.size') == 'l' and answer('kickoff.score') > 8 %} a great deal{% endif %}."
)


def text(ticked: Ticked, kind: str = "plain") -> str:
    (mail,) = [opened(file) for file in ticked.files if file.path.suffix == ".eml"]
    part = mail.get_body((kind,))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def answered(world: World, **given: str) -> None:
    full = {"date": "2026-03-20", "champion": "bob", "why": "<b> & more", "score": "9", "glad": "true", "size": "l", **given}
    assert answer(world, "start", day(0, 11), **full) is None


def test_a_mail_says_what_was_answered_and_a_slack_message_too(world: World) -> None:
    asking(world).mail("said", "For {{ answer('kickoff.champion') }}", SAID).customer().contact("bob", role="operator")
    world.write("templates/slack/call.yaml", "text: \"{{ answer('kickoff.size') }}, {{ answer('kickoff.why') }}\"\n")
    world.playbook("start", KICKOFF + "- {id: hi, email: said}\n- {id: ring, cta: call}")
    world.tick(day(0))
    answered(world)
    sent = world.tick(day(1))
    assert sent.sent == ["ann: For Bob Doe"]
    assert "On 20 March 2026 with Bob Doe: Large <b> & more 9 yes yes a great deal." in text(sent)
    assert "Large &lt;b&gt; &amp; more 9" in text(sent, "html")
    (alert,) = world.tick(day(2)).files
    assert json.loads(alert.path.read_text())["text"] == "Large, &lt;b&gt; &amp; more"


def test_what_was_not_answered_is_blank_and_choices_are_said_in_the_readers_language(world: World) -> None:
    asking(world).mail("said", "Hi", "[{{ answer('kickoff.size') }}{{ answer('kickoff.why') | default('nothing') }}{{ done('kickoff') }}]")
    world.mail("said", "こんにちは", "[{{ answer('kickoff.size') }}]", locale="ja").mail("asks", "質問", "{{ questions }}", locale="ja")
    world.customer().customer("yama", "jun", locale="ja").playbook("start", KICKOFF + "- {id: hi, email: said}")
    world.tick(day(0))
    assert answer(world, "start", day(0, 11), account="yama", size="s") is None
    sent = world.tick(day(1))
    bodies = {file.to.split("@")[0]: str(opened(file).get_body(("plain",)).get_content()) for file in sent.files}  # type: ignore[union-attr]
    assert "[nothingno]" in bodies["ann"]
    assert "[小]" in bodies["jun"]


def test_each_passage_has_its_own_answers_and_the_latest_counts(world: World) -> None:
    asking(world).mail("said", "Said {{ answer('kickoff.score') }}").customer().contact("bob", role="operator")
    world.playbook("start", "- {id: kickoff, email: asks, ask: {score: nps}}\n- {id: hi, email: said}", subject="contact")
    world.tick(day(0))
    views = {m.recipient: m.id for m in world.engine.store.messages_of("acme", "start")}
    from cs_engine.clock import FixedClock
    from cs_engine.web.asked import Desk

    desk = Desk(world.loaded, world.engine.store, FixedClock(day(0, 11)))
    for who, score in (("ann", "3"), ("ann", "7"), ("bob", "10")):
        found = desk.asking(views[who])
        assert found is not None
        assert desk.keep(found, {"score": score}, who, "contact") is None
    assert world.tick(day(1)).sent == ["ann: Said 7", "bob: Said 10"]


def test_all_of_a_batch_is_one_question_to_the_database(world: World) -> None:
    asking(world).mail("said", "Said {{ answer('kickoff.score') }}")
    for number in range(5):
        world.customer(f"a{number}", f"c{number}")
    world.playbook("start", "- {id: kickoff, email: asks, ask: {score: nps}}\n- {id: hi, email: said}").tick(day(0))
    store, asked = world.engine.store, []
    original = store.answers_in

    def counted(*given: object) -> object:
        asked.append(given)
        return original(*given)  # type: ignore[arg-type]

    store.answers_in = counted  # type: ignore[method-assign, assignment]
    assert len(world.tick(day(1)).sent) == 5
    assert len(asked) == 1


def test_preview_shows_what_the_last_passage_has_answered(world: World) -> None:
    asking(world).mail("said", "Said {{ answer('kickoff.score') }}").customer()
    steps = "- {id: kickoff, email: asks, ask: {score: nps}}\n- {id: w, wait: 9 days}\n- {id: hi, email: said}"
    world.playbook("start", steps).tick(day(0))
    assert world.preview("start", "hi")[0]["subject"] == "Said"
    assert answer(world, "start", day(0, 9), score="4") is None
    assert world.preview("start", "hi")[0]["subject"] == "Said 4"


@pytest.mark.parametrize(
    ("asks", "said"),
    [
        ("answer('kickof.date')", "X219 no step asks 'kickof.date' (playbooks/start.yaml:6 sends it); did you mean \"kickoff.date\"?"),
        ("answer('kickoff.dat')", "X219 no step asks 'kickoff.dat' (playbooks/start.yaml:6 sends it); did you mean \"kickoff.date\"?"),
        ("answer('hi.date')", 'X219 the step "hi" asks nothing (playbooks/start.yaml:6 sends it); give it `ask: {field: text}`'),
        ("answer('kickoff')", "X219 answer() takes a step and a field (playbooks/start.yaml:6 sends it); write answer('kickoff.date')"),
        ("done('later')", 'P122 the step "later" cannot have run before "hi" (playbooks/start.yaml:6 sends it); ask in a step before it'),
        ("answer(vars.x)", "T315 answer() takes one text in quotes; write `answer('kickoff.date')`"),
        ("answers('kickoff.date')", "T315 a template calls nothing; use a filter: `{{ value | number }}`"),
    ],
)
def test_what_cannot_be_read_has_its_place(world: World, asks: str, said: str) -> None:
    asking(world).mail("said", "Hi", f"Dear you\n\n  It is {{{{ {asks} }}}} here").customer()
    later = "- {id: hi, email: said}\n- {id: later, email: asks, ask: {when: date}}"
    world.playbook("start", f"- {{id: kickoff, email: asks, ask: {{date: date}}}}\n{later}")
    file = "templates/email/said.md"
    found = [p for p in template_problems(world.loaded, ["en"]) if p.place.file == file and p.code in ("X219", "P122", "T315")]
    assert [f"{p.code} {p.message}; {p.mend}" for p in found] == [said]
    line = (world.root / file).read_text().splitlines()[found[0].place.line - 1]
    assert line[found[0].place.column - 1 :].startswith(asks)
