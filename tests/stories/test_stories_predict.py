"""`cs-engine predict` over a small company: what it learns is a metric from then on, and what nobody knew then is not learned from."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from cs_engine.cli.predict import _show, command
from cs_engine.errors import SettingsError, WrongUse
from cs_engine.language.expression import Grain
from cs_engine.run.desk.predict import predict
from cs_engine.run.observe import facts_at
from cs_engine.run.predict.history import gather
from cs_engine.run.predict.question import question
from tests.stories.world import World, copy_of, day

WEEKS = 20
METRICS = """\
uses: {count: "*"}
uses_7d: {count: "*", in: 7 days}
invited_7d: {count: "*", where: event = 'invited', in: 7 days}
quiet_days: {days_since_last: "*"}
a_seat: uses_7d / nullif(account.seats, 0)
tier_7d: uses_7d * account.crm_tier
"""
LIKELY = "likely_quiet: {likely: quiet_days >= 14, within: 14 days, among: uses > 1, facts: [uses_7d, invited_7d]}\n"
STEPS = "- id: one\n  email: one\n"


def company(root: Path) -> World:
    """Sixty accounts for half a year, in turns of five weeks: either somebody is invited in each week, or after two weeks all is silent."""
    world = World(root)
    for number in range(60):
        id = f"a{number:02}"
        world.customer(id, f"c{number:02}", since=day(-7 * (number % 5)))
        for week in range(WEEKS):
            turn, week_of_turn = divmod(week + number % 5, 5)
            inviting, at = Random(f"{number} {turn}").random() < 0.6, day(7 * week + number % 3)
            if inviting or week_of_turn < 2:
                world.uses(id, at, at + timedelta(hours=2))
            if inviting:
                world.uses(id, at + timedelta(hours=1), event="invited")
    return world.write("playbooks/metrics.yaml", METRICS.replace("tier_7d: uses_7d * account.crm_tier\n", "") + LIKELY)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, base: Path) -> tuple[Path, dict[str, Any]]:
    """The company's folder, with what was learned in it, and what was said."""
    world = company(copy_of(base, tmp_path_factory.mktemp("known") / "project"))
    found = predict(world.engine, "likely_quiet", until=day(7 * WEEKS))
    world.close()
    return world.root, found


@pytest.fixture
def there(known: tuple[Path, dict[str, Any]], tmp_path: Path) -> Iterator[World]:
    """A copy of it."""
    world = World(Path(shutil.copytree(known[0], tmp_path / "there")))
    yield world
    world.close()


def codes(world: World) -> list[str]:
    return [problem.code for problem in world.loaded.problems]


def test_it_finds_what_goes_before_silence_and_proposes_it(known: tuple[Path, dict[str, Any]]) -> None:
    found = known[1]
    assert (found["carries"], found["why_not"]) == (True, [])
    assert found["quality"]["auc"]["low"] > 0.55
    assert any("invited_7d" in leaf["when"] for leaf in found["leaves"])
    assert found["proposal"]["yaml"].startswith("playbook: likely-quiet\naudience: uses > 1\nenter: likely_quiet > 0.")
    tested = found["proposal"]["backtest"]
    assert found["history"]["base_rate"] < tested["precision"] <= 1
    assert 7 <= tested["lead_days"]["median"] <= 14


def test_what_was_learned_is_a_metric_of_the_next_tick(there: World, known: tuple[Path, dict[str, Any]]) -> None:
    """The proposal is a playbook: it enters those of whom the metric says so, and none else."""
    enter = known[1]["proposal"]["enter"]
    there.playbook("call", STEPS, enter=enter, audience="uses > 1")
    assert codes(there) == []
    facts = facts_at(there.engine, now := day(7 * WEEKS - 3), [])
    ids = facts.ids(Grain.ACCOUNT)
    (likely,) = facts.columns(Grain.ACCOUNT, ["likely_quiet"], np.arange(len(ids)))
    facts.close()
    limit = float(enter.split(">")[1])
    wanted = {id for id, value in zip(ids, likely, strict=True) if value is not None and value > limit}
    assert wanted
    assert there.tick(now).counts("call", "entered") == (len(wanted),)
    assert {id for id in ids if there.stands("call", id)} == wanted


def test_an_account_that_has_the_outcome_has_no_likelihood(there: World) -> None:
    there.playbook("p", STEPS, enter="likely_quiet >= 0 and quiet_days >= 14")
    assert there.tick(day(7 * WEEKS + 40)).counts("p", "entered") == (0,)


def test_a_contact_reads_its_accounts(there: World) -> None:
    there.playbook("p", STEPS, subject="contact", enter="likely_quiet >= 0", topic="tips")
    there.playbook("q", STEPS, enter="likely_quiet >= 0")
    ticked = there.tick(day(7 * WEEKS - 3))
    assert ticked.counts("p", "entered") == ticked.counts("q", "entered") > (0,)


def test_before_it_is_learned_it_is_blank_and_check_says_so(there: World) -> None:
    there.delete("playbooks/models/likely_quiet.yaml").playbook("p", STEPS, enter="likely_quiet >= 0")
    assert codes(there) == ["M142"]
    assert there.tick(day(7 * WEEKS - 3)).counts("p", "entered") == (0,)


def test_another_question_needs_another_answer(there: World) -> None:
    """Nobody is entered by an answer to what is not asked any more."""
    there.write(
        "playbooks/metrics.yaml", METRICS.replace("tier_7d", "tier").replace("account.crm_tier", "1") + LIKELY.replace(">= 14", ">= 21")
    )
    there.playbook("p", STEPS, enter="likely_quiet >= 0")
    assert codes(there) == ["M143"]
    assert "p" in there.loaded.broken


def test_a_hand_in_the_file_and_a_file_of_nothing_are_told(there: World) -> None:
    file = there.root / "playbooks/models/likely_quiet.yaml"
    text = file.read_text(encoding="utf-8")
    came = text.partition("came: ")[2].partition(",")[0]
    there.write("playbooks/models/likely_quiet.yaml", text.replace(f"came: {came}", "came: 1", 1))
    there.write("playbooks/models/other.yaml", text)
    there.write("playbooks/models/old/likely_quiet.yaml", text)
    assert sorted(codes(there)) == ["M144", "M145", "P304"]


# What is not known, and what cannot be asked


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (
            "{likely: account.plan = 'gone', within: 14 days}",
            "`likely` cannot be told of the past: account.plan is known only as it is today",
        ),
        ("{likely: open_ctas > 0, within: 14 days}", "`likely` cannot be told of the past: nobody keeps what open_ctas was"),
        (
            "{likely: quiet_days > 9, within: 14 days, among: account.renewal_at is null}",
            "`among` cannot be told of the past: account.renewal_at is known only as it is today",
        ),
    ],
)
def test_what_nobody_knows_of_the_past_is_not_asked_of_it(world: World, definition: str, said: str) -> None:
    world.customer().uses("acme", day(1)).write(
        "playbooks/metrics.yaml", f"uses: {{count: '*'}}\nquiet_days: {{days_since_last: '*'}}\nx: {definition}\n"
    )
    with pytest.raises(WrongUse) as wrong:
        predict(world.engine, "x", until=day(3))
    assert wrong.value.message == said


def test_a_time_says_itself_since_when_it_is_so(world: World) -> None:
    """An outcome may hang on a column with a time. It is too young a company all the same."""
    world.customer(renewal_at=day(5).isoformat()).uses("acme", day(1))
    world.write("playbooks/metrics.yaml", "uses: {count: '*'}\nx: {likely: account.renewal_at <= now(), within: 14 days}\n")
    with pytest.raises(WrongUse, match="there is too little history"):
        predict(world.engine, "x", until=day(3))


def test_facts_of_today_are_left_out_and_those_with_a_past_are_not(world: World) -> None:
    world.customer().uses("acme", day(1))
    crm = {"file": "data/crm.csv", "account": "account_id", "prefix": "crm_", "learned_at": "since"}
    sources = {"accounts": {"file": "data/accounts.csv"}, "contacts": {"file": "data/contacts.csv"}, "usage": {"file": "data/usage.csv"}}
    world.project(sources={**sources, "attributes": {"crm": crm}})
    world.write("data/crm.csv", "account_id,tier,since\nacme,2,2026-03-02T00:00:00Z\n")
    world.write("playbooks/metrics.yaml", METRICS + "x: {likely: quiet_days > 9, within: 14 days}\ny: uses / x\n")
    asked = question(world.loaded, "x")
    assert asked.facts == ("uses", "uses_7d", "invited_7d", "quiet_days", "tier_7d")
    assert not asked.lasts
    assert asked.left_out == {"a_seat": "account.seats is known only as it is today", "y": "x is foretold itself"}


def test_nothing_is_looked_at_that_was_not_known_then(world: World) -> None:
    """An event that we learned of later, a tier that came later, a sign-up that was later: none of them is there at the moments before."""
    world.usage_columns = (*world.usage_columns, "told_at")
    crm = {"file": "data/crm.csv", "account": "account_id", "prefix": "crm_", "learned_at": "since"}
    usage = {"file": "data/usage.csv", "learned_at": "told_at"}
    sources = {"accounts": {"file": "data/accounts.csv"}, "contacts": {"file": "data/contacts.csv"}, "usage": usage}
    world.project(sources={**sources, "attributes": {"crm": crm}})
    world.write("data/crm.csv", f"account_id,tier,since\nacme,1,{day(0)}\nacme,3,{day(15)}\n")
    world.customer().customer("young", "yan", since=day(12)).uses("acme", day(1), told_at=day(20).isoformat())
    world.uses("young", day(30), told_at=day(30).isoformat())
    world.write("playbooks/metrics.yaml", "uses: {count: '*'}\ntier: account.crm_tier * 1\nx: {likely: uses > 5, within: 7 days}\n")
    asked = question(world.loaded, "x")
    found = gather(world.engine, asked, None, day(40), lambda _done, _of: None)
    assert [moment.date() for moment in found.moments] == [day(number).date() for number in (2, 9, 16, 23, 30)]
    rows = {(found.accounts[a], int(m)): tuple(f) for a, m, f in zip(found.account, found.moment, found.facts.tolist(), strict=True)}
    assert asked.facts == ("uses", "tier")
    assert [rows["acme", number] for number in range(4)] == [(0, 1), (0, 1), (0, 3), (1, 3)]
    assert sorted(number for account, number in rows if account == "young") == [2, 3]


def test_where_the_data_do_not_carry_it_nothing_is_kept_or_proposed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what was kept before stays as it is."""
    for number in range(3):
        world.customer(f"a{number}", f"c{number}").uses(f"a{number}", day(1), day(30))
    world.write(
        "playbooks/metrics.yaml", "uses: {count: '*'}\nquiet_days: {days_since_last: '*'}\nx: {likely: quiet_days > 9, within: 7 days}\n"
    )
    found = predict(world.engine, "x", until=day(40))
    assert found["why_not"] == ["too few outcomes: 3 accounts of which the outcome came, and it takes 30"]
    assert (found["carries"], found["leaves"], found["file"], found["proposal"]) == (False, [], None, None)
    assert not (world.root / "playbooks/models").exists()
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(world.root))
    assert command.main(["x", "--until", "2026-04-11", "--quiet", "--format", "json"], standalone_mode=False) == 1
    assert json.loads(capsys.readouterr().out)["why_not"] == found["why_not"]
    _show(found)
    said = "The data do not carry it, so nothing is kept or proposed:\n  too few outcomes: 3 accounts"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("latched", [False, True])
def test_who_has_reached_a_milestone_is_not_asked_about_again(world: World, latched: bool) -> None:
    """Though its condition is true no more: what was reached stays reached. What our tables have of later was not reached before."""
    world.customer().milestone("started", "uses_7d >= 2").uses("acme", day(3), day(4), day(30))
    world.write("playbooks/metrics.yaml", METRICS.replace("account.crm_tier", "1") + "x: {likely: reached('started'), within: 7 days}\n")
    if latched:
        world.tick(day(5))
        assert list(world.engine.store.milestones()) == ["started"]
    found = gather(world.engine, question(world.loaded, "x"), None, day(30), lambda _done, _of: None)
    assert found.outcome[:, 0].tolist() == [False, True, True, True, True]
    assert (found.moment.tolist(), found.came.tolist()) == ([0], [True])


def test_without_the_extra_it_says_what_to_install(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was learned needs it no more."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(SettingsError) as missing:
        predict(there.engine, "likely_quiet", until=day(30))
    assert missing.value.mend == "pip install 'cs-engine[predict]'"
    there.playbook("p", STEPS, enter="likely_quiet >= 0")
    assert there.tick(day(7 * WEEKS - 3)).counts("p", "entered") > (0,)


def test_only_what_asks_is_learned(world: World) -> None:
    world.customer().uses("acme", day(1)).write("playbooks/metrics.yaml", METRICS.replace("account.crm_tier", "1") + LIKELY)
    with pytest.raises(WrongUse) as wrong:
        predict(world.engine, "likely_quit", until=day(3))
    assert (wrong.value.message, wrong.value.mend) == ("no metric 'likely_quit' with `likely`", 'did you mean "likely_quiet"?')
