"""Definitions: what is refused, where and with which mend; what the good ones become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from cs_engine.language import yaml
from cs_engine.language.expression import Grain, Type
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Place, Problems
from cs_engine.language.scope import Column, Literal, NotHere
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import Catalogue, Section, build
from cs_engine.usage.columns import Champion, Derived, Measured, OfAccount
from cs_engine.usage.model import HealthSpec, JourneySpec, MetricSpec, SegmentSpec

ATTRIBUTES = Attributes(
    account={"id": Type.TEXT, "plan": Type.TEXT, "seats": Type.NUMBER, "signed_up_at": Type.INSTANT},
    contact={"id": Type.TEXT, "role": Type.TEXT, "created_at": Type.INSTANT},
    events={
        "usage": {"account": Type.TEXT, "contact": Type.TEXT, "event": Type.TEXT, "at": Type.INSTANT, "amount": Type.NUMBER},
        "tickets": {"account": Type.TEXT, "at": Type.INSTANT, "status": Type.TEXT},
    },
)


def built(**files: str) -> tuple[Catalogue, Problems]:
    """The catalogue of YAML texts, by `metrics`, `segments`, `journey`, `health`."""
    problems = Problems()
    sections: dict[str, Section] = {}
    data: dict[str, Any] = {}
    for name, text in files.items():
        document = yaml.parse(text, f"playbooks/{name}.yaml", problems)
        assert document is not None, list(problems)
        sections[name], data[name] = Section(document.file, document), document.data
    metrics: Mapping[str, MetricSpec] = TypeAdapter(dict[str, MetricSpec]).validate_python(data.get("metrics", {}))
    segments = {
        k: SegmentSpec(when=v) if isinstance(v, str) else SegmentSpec.model_validate(v) for k, v in data.get("segments", {}).items()
    }
    journey = JourneySpec.model_validate(data["journey"]) if "journey" in data else None
    health = HealthSpec.model_validate(data["health"]) if "health" in data else None
    return build(metrics, segments, journey, health, ATTRIBUTES, sections, problems), problems


OTHERS = """
n: {count: '*', in: 7 days}
n_hours: {count: '*', in: 4 hours}
n_ever: {count: '*'}
n_twice: n * 2
when: {first_time: '*', in: 7 days}
"""
"""Metrics beside the one in question."""


def said(problems: Problems) -> list[str]:
    return [problem.render() for problem in problems]


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("{in: 7 days}", '1:4 error M101 metric "x": it is not said what to count'),
        ("{count: '*', active_days: '*'}", 'M101 metric "x": count and active_days cannot be one metric'),
        ("{count: '*', from: ticket}", '1:23 error M102 there is no source "ticket"; did you mean "tickets"?'),
        ("{count_distinct: contct}", 'M103 events of usage have no column "contct"; did you mean "contact"?'),
        ("{sum: event}", 'M104 "event" is text, a sum needs numbers'),
        ("{avg: event}", 'M104 "event" is text, a mean needs numbers'),
        ("{max: event}", 'M104 "event" is text, the highest value needs numbers or times'),
        ("{min: amonut}", 'M103 events of usage have no column "amonut"; did you mean "amount"?'),
        ("{days_since_first: '*', in: 7 days}", "M105 days_since_first looks back without an end; leave `in` out"),
        ("{streak_days: '*', in: 4 hours}", "M105 streak_days counts in whole days"),
        ("{streak_weeks: '*', ago: 1 day}", "M106 streak_weeks counts from today; leave `ago` out"),
        ("{count: '*', within: 7 days}", "1:25 error M107 `within` does not go with count; leave `within` out"),
        ("{likely: n > 3}", "1:13 error M140 it is not said by when; write within: 30 days"),
        ("{likely: n > 3, within: 4 hours}", "M140 what is foretold is foretold for days or weeks, a year at most"),
        ("{likely: n > 3, within: 30 days, facts: [n, n_evr]}", 'M141 there is no metric "n_evr" to learn from; did you mean "n_ever"?'),
        ("{likely: n > 3, within: 30 days, facts: [when]}", 'M141 "when" is time: it is learned from numbers; leave it out'),
        ("{likely: n > 3, within: 30 days, ago: 7 days}", "M107 `ago` does not go with likely; leave `ago` out"),
        ("{count: '*', among: n > 3}", "M107 `among` does not go with count; leave `among` out"),
        ("{trend: n, in: 7 days}", "M107 `in` does not go with trend; say `in` in the metric whose trend it is"),
        ("{count: '*', as: rate}", "M107 `as` does not go with count"),
        ("{funnel: [a, b], as: ratio}", "M107 funnel is not given as ratio; write count or rate"),
        ("{first_time: '*', share_of: account.seats}", "M107 `share_of` does not go with first_time"),
        ("{min: at, share_of: account.seats}", "M107 a time is a share of nothing"),
        ("{count: '*', share_of: account.seets}", 'did you mean "account.seats"?'),
        ("{count: '*', share_of: account.plan}", "1:27 error X213 a number is needed here, account.plan is text"),
        ("{trend: m}", 'M108 there is no metric "m"'),
        ("{trend: x}", 'M108 "x" has no trend: it is no window over events; name a metric that counts in a window of days'),
        ("{trend: n, ago: 4 hours}", "M106 windows are compared over days or weeks"),
        ("{trend: n_hours}", 'M108 "n_hours" has no trend: its window cannot be moved back'),
        ("{trend: n_ever}", 'M108 "n_ever" has no trend: its window cannot be moved back'),
        ("{trend: n_twice}", 'M108 "n_twice" has no trend: it is no window over events'),
        ("{trend: when}", 'M108 "when" has no trend: it is a time'),
        ("{funnel: [a]}", "M109 a funnel has at least two steps; write what follows: funnel: [invited, joined]"),
        ("{funnel: [a, b], within: 2 business days}", "M109 a funnel takes days, weeks or hours"),
        ("{funnel: [a, evnt = 'b']}", '1:17 error X211 nothing is called evnt; did you mean "event"?'),
        ("{funnel: [status = 'a', status = 'b'], from: tickets, by: contact}", 'M103 events of tickets have no column "contact"'),
        ("{funnel: [a, status = 'b'], from: tickets}", "1:14 error M109 events of tickets have no names"),
        ("{count: '*', in: 2 business days}", "M105 a window is counted in days, weeks or hours, not in business days"),
        ("{count: '*', in: 0 days}", "M105 a window of no length counts nothing"),
        ("{days_since_last: '*', in: 7 days}", "M105 days_since_last looks back without an end; leave `in` out"),
        ("{active_days: '*', in: 4 hours}", "M105 active_days counts in whole days"),
        ("{count: '*', in: 4 hours, ago: 1 day}", "M106 a window of hours cannot be moved back"),
        ("{count: '*', in: '7'}", "is no length of time; write a unit: 7 days"),
        ("{count: '*', where: account.plan = 'team'}", "`where` reads the columns of events alone"),
        ("{count: '*', where: evnt = 'x'}", 'did you mean "event"?'),
        ("account.seets / 2", 'did you mean "account.seats"?'),
        ("contact.role", "contact.* is known where the subject is a contact"),
    ],
)
def test_a_wrong_metric_is_one_problem_at_its_place(metric: str, problem: str) -> None:
    catalogue, problems = built(metrics=f"x: {metric}\n{OTHERS}")
    (found,) = said(problems)
    assert problem in found
    assert found.startswith("playbooks/metrics.yaml:1:")
    assert catalogue.broken == {"x", "account.x"}


def test_what_foretells_itself_is_a_circle_before_it_is_learned_too() -> None:
    _, problems = built(metrics="x: {likely: y > 3, within: 30 days}\ny: x * 2\n")
    assert [problem.code for problem in problems.errors()] == ["M120"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Changes", "M110"),
        ("7d_changes", "M110"),
        ("health", "M111"),
        ("emails_30d", "M111"),
        ("account", "M111"),
        ("seats", 'M112 accounts have a column "seats" already'),
    ],
)
def test_names_that_cannot_be(name: str, problem: str) -> None:
    _, problems = built(metrics=f"{name}: {{count: '*'}}\n")
    (found,) = said(problems)
    assert problem in found


def test_a_circle_names_its_members_once_and_users_say_nothing_more() -> None:
    catalogue, problems = built(
        metrics="a: b + 1\nb: a + 1\nc: b * 2\nfine: {count: '*'}\n",
        segments="s: {when: \"reached('m')\"}\nt: {when: c > 1}\n",
        journey="phases: [{phase: p, milestones: [{id: m, title: M, when: \"in_segment('s')\"}]}]\n",
    )
    circle, mend = "error M120 these define each other in a circle:", "let one of them do without the others"
    assert said(problems) == [
        f"playbooks/journey.yaml:1:58 {circle} reached('m') -> in_segment('s') -> reached('m'); {mend}",
        f"playbooks/metrics.yaml:1:4 {circle} a -> b -> a; {mend}",
    ]
    assert {"a", "b", "c", "segment:s", "segment:t", "reached:m", "reached_at:m"} <= catalogue.broken
    assert "fine" not in catalogue.broken


def test_a_use_of_a_broken_definition_is_not_reported_again() -> None:
    catalogue, problems = built(metrics="x: {sum: event}\ny: x * 2\n", segments="s: {when: y > 1}\n")
    assert len(problems) == 1
    assert {"x", "y", "segment:s", "account.x"} <= catalogue.broken
    condition = compile_condition(
        "x > 1", lambda offset, length: Place("p", 1, offset + 1, length), catalogue.scope(Grain.ACCOUNT), problems
    )
    assert condition is not None
    assert len(problems) == 1


def test_order_does_not_matter() -> None:
    catalogue, problems = built(
        metrics="late: early * 2\nearly: base + 1\nbase: {count: '*', in: 7 days}\n",
        segments="s: {when: late > 2 and in_segment('r')}\nr: base > 0\n",
    )
    assert said(problems) == []
    order = list(catalogue.derived[Grain.ACCOUNT])
    assert order.index("early") < order.index("late") < order.index("segment:s")
    assert order.index("segment:r") < order.index("segment:s")
    assert catalogue.needs(Grain.ACCOUNT, ["late"]) == {"late", "early", "base"}


def test_a_segment_may_be_written_short_and_its_problem_has_its_place() -> None:
    _, problems = built(segments="one: account.plan = 'team'\nbig: account.plan = 'team' and account.seets > 100\n")
    (found,) = said(problems)
    assert found.startswith("playbooks/segments.yaml:2:32 ")


def test_milestones_are_checked() -> None:
    milestone = "{id: m, title: M, when: 'account.seats > 1', expected: soon}"
    _, problems = built(journey=f"phases: [{{phase: p, milestones: [{milestone}, {{id: m, title: N, when: 'true'}}]}}]\n")
    codes = {problem.code for problem in problems}
    assert codes == {"X290", "M114"}


def test_health_is_checked() -> None:
    _, problems = built(
        health=(
            "components: {u: {metric: account.plan, weight: 1, points: [[3, 0], [1, 120]]}}\n"
            "bands: {green: 70, yellow: 40}\noverrides: {account.seats > 1: purple}\n"
        )
    )
    assert {problem.code for problem in problems} == {"M131", "M132", "M133", "M134"}


def test_a_band_that_nobody_would_ever_be_in_is_an_error() -> None:
    _, problems = built(
        health=(
            "components: {u: {metric: account.seats, weight: 1, points: [[0, 0], [1, 100]]}}\n"
            "bands: {green: 70, lime: 70, red: 0, gold: 120}\n"
        )
    )
    assert said(problems) == [
        'playbooks/health.yaml:2:26 error M132 "green" begins at 70 too: nobody would be "lime"; let each begin at a score of its own',
        'playbooks/health.yaml:2:44 error M132 no score reaches "gold"; scores lie between 0 and 100',
    ]


def test_what_names_mean_on_each_row() -> None:
    catalogue, problems = built(metrics="changes: {count: '*'}\nratio: changes / account.seats\n")
    assert said(problems) == []
    account, contact = catalogue.scope(Grain.ACCOUNT, {"n": 3}), catalogue.scope(Grain.CONTACT)
    assert account.resolve("changes") == Column("changes", Type.NUMBER)
    assert account.resolve("account.changes") == Column("changes", Type.NUMBER), "an account's account is itself"
    assert contact.resolve("account.changes") == Column("account.changes", Type.NUMBER)
    assert account.resolve("vars.n") == Literal(3)
    assert account.resolve("vars.m") is None
    assert account.resolve("account.nothing") is None
    for name in ("contact.role", "event.name", "health"):
        assert isinstance(account.resolve(name), NotHere), name
    assert isinstance(catalogue.people_scope().resolve("account.plan"), NotHere)
    assert isinstance(catalogue.origin(Grain.ACCOUNT, "changes"), Measured)
    assert isinstance(catalogue.origin(Grain.CONTACT, "ratio"), Derived)
    assert catalogue.origin(Grain.CONTACT, "account.ratio") == OfAccount("ratio", Type.NUMBER)
    assert catalogue.origin(Grain.ACCOUNT, "champion.role") == Champion("role", Type.TEXT)
    with pytest.raises(KeyError):
        catalogue.origin(Grain.ACCOUNT, "gone")


def test_every_name_that_is_listed_resolves() -> None:
    catalogue, _ = built(metrics="changes: {count: '*'}\nratio: changes / account.seats\n")
    for grain in Grain:
        scope = catalogue.scope(grain)
        for info in catalogue.names(grain):
            assert isinstance(scope.resolve(info.name), Column), info
            assert info.description or info.name.startswith(("account.", "contact.", "champion.")), info
            catalogue.origin(grain, catalogue.column_of(grain, info.name))
