"""What was collected counts as usage does, from the tick on that follows its arrival; what cannot be placed yet waits and is never lost."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from cs_engine.errors import ProblemsFound
from cs_engine.instants import to_micros
from cs_engine.playbook.load import load_config
from cs_engine.state import SqlStore
from cs_engine.usage.calls_segment import collected
from cs_engine.usage.collected import GROUP, IDENTIFY, TRACK
from cs_engine.wiring import check_project
from tests.stories.world import World, day

NUMBERS = count()


class Came:
    """A clock that stands at when calls come."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def fed(world: World) -> World:
    """A project whose usage the collector brings, and no file."""
    sources = {"accounts": {"file": "data/accounts.csv"}, "contacts": {"file": "data/contacts.csv"}, "usage": {"collector": True}}
    return world.customer().project(sources=sources)


def come(world: World, at: datetime, *events: str, user: str = "ann", kind: str = TRACK, **said: Any) -> None:
    """Calls of one user that came at that moment."""
    store = world.engine.store
    assert isinstance(store, SqlStore)
    store._clock = Came(at)
    calls = [
        collected({"userId": user, "event": event, "messageId": str(next(NUMBERS)), "properties": {}, **said}, to_micros(at), kind)
        for event in events
    ]
    store.collect(calls)
    world.refresh()


def test_an_event_that_came_begins_a_passage_at_the_next_tick(fed: World) -> None:
    fed.playbook("greet", "- {id: one, email: one}", enter={"event": "invited"})
    assert fed.tick(day(0)).sent == []
    come(fed, day(0, 11), "invited", context={"groupId": "acme"})
    assert fed.tick(day(0, 11)).sent == ["ann: One for Acme"]
    assert fed.tick(day(0, 12)).sent == [], "once"


def test_what_came_after_a_tick_did_not_exist_for_it(fed: World) -> None:
    """However early it happened."""
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 1")
    come(fed, day(1, 11), "invited", timestamp=day(0, 9).isoformat())
    assert fed.tick(day(1, 10)).sent == []
    assert fed.tick(day(1, 11)).sent == ["ann: One for Acme"]


def test_a_call_that_names_no_account_counts_for_that_of_its_user(fed: World) -> None:
    fed.account("other").contact("bob", "other").playbook("busy", "- {id: one, email: one}", enter="uses >= 2")
    come(fed, day(0, 9), "a", "b", user="bob")
    come(fed, day(0, 9), "a", "b", user="nobody-yet")
    come(fed, day(0, 9), "c", user="ann")
    assert fed.tick(day(0)).sent == ["bob: One for Other"]


def test_what_nobody_can_place_waits_until_its_account_appears(fed: World) -> None:
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 2")
    come(fed, day(0, 8), "a", context={"groupId": "later"})
    come(fed, day(0, 9), "b", user="cleo")
    assert fed.tick(day(0)).sent == []
    assert fed.engine.usage.waiting() == 2
    fed.account("later").contact("cleo", "later")
    assert fed.tick(day(0, 11)).sent == ["cleo: One for Later"]
    assert fed.engine.usage.waiting() == 0


def test_properties_are_columns_as_they_come(fed: World) -> None:
    fed.write("playbooks/metrics.yaml", "seconds: {sum: seconds, where: \"area = 'docs'\"}\n")
    come(fed, day(0, 9), "read", properties={"seconds": 40, "area": "docs", "who": {"x": 1}})
    come(fed, day(0, 9), "read", properties={"seconds": 2.5, "area": "docs"})
    come(fed, day(0, 9), "read", properties={"seconds": 1000, "area": "blog"})
    fed.playbook("reader", "- {id: one, email: one}", enter="seconds = 42.5")
    assert fed.tick(day(0)).sent == ["ann: One for Acme"]


def test_the_collector_may_feed_a_source_beside_its_file(world: World) -> None:
    sources = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts", "usage")}
    world.customer().uses("acme", day(0, 9)).project(sources={**sources, "usage": {**sources["usage"], "collector": True}})
    come(world, day(0, 9), "invited", "invited")
    world.playbook("busy", "- {id: one, email: one}", enter="uses = 3")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    world.uses("acme", day(0, 11))
    come(world, day(0, 11), "invited")
    world.playbook("busier", "- {id: two, email: two}", enter="uses = 5")
    assert world.tick(day(0, 12)).sent == ["ann: Two for Acme"], "when files are read anew nothing that was collected is lost"


def test_what_is_collected_need_not_be_asked_for(world: World) -> None:
    world.customer().playbook("busy", "- {id: one, email: one}", enter="uses >= 1")
    come(world, day(0, 9), "invited")
    assert world.tick(day(0)).sent == []


def test_taking_events_in_reads_no_source_anew_and_keeps_the_people(fed: World) -> None:
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 1")
    fed.tick(day(0))
    before = fed.engine.usage.set_name()
    come(fed, day(0, 11), "invited", context={"groupId": "acme"})
    assert fed.engine.usage.set_name() == before
    assert not fed.engine.usage.behind()


def test_who_is_erased_leaves_bare_events_in_what_was_taken_in(fed: World) -> None:
    from cs_engine.ports import Whom

    come(fed, day(0, 9), "invited", properties={"said": "secret-word"})
    assert "secret-word" in json.dumps(fed.engine.usage.person(["ann"]))
    fed.engine.store.erase(Whom(("ann",), (), (), ()), to_micros(day(0)))
    fed.refresh()
    found = json.dumps(fed.engine.usage.person(["ann"]))
    assert "invited" in found
    assert "secret-word" not in found


def test_old_calls_go_and_numbers_stay(fed: World) -> None:
    come(fed, day(0, 9), "invited")
    fed.engine.store.forget_collected(to_micros(day(1)), 10)
    come(fed, day(2, 9), "invited")
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 1")
    assert fed.tick(day(2)).sent == ["ann: One for Acme"]


@pytest.mark.parametrize(
    ("usage", "more", "said"),
    [
        ({}, {}, ("P102", "playbooks/project.yaml")),
        ({"collector": True}, {"tickets": {"collector": True}}, ("P105", "playbooks/project.yaml")),
        ({"collector": True}, {"tickets": {"collector": False}}, ("P102", "playbooks/project.yaml")),
        ({"collector": True, "table": "t"}, {}, ("P102", "playbooks/project.yaml")),
    ],
)
def test_sources_that_cannot_be_are_said_with_their_place(
    world: World, monkeypatch: pytest.MonkeyPatch, usage: dict[str, Any], more: dict[str, Any], said: tuple[str, str]
) -> None:
    files = {"accounts": {"file": "data/accounts.csv"}, "contacts": {"file": "data/contacts.csv"}}
    world.write("playbooks/project.yaml", json.dumps({**yaml(world), "sources": {**files, "usage": usage, "more": more}}) + "\n")
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(world.root))
    with pytest.raises(ProblemsFound) as found:
        check_project()
    assert [(p.code, p.place.file) for p in found.value.problems] == [said]


def yaml(world: World) -> dict[str, Any]:
    return load_config(world.root).model_dump(by_alias=True, exclude_unset=True, mode="json")


def test_calls_that_say_who_somebody_is_are_no_events(fed: World) -> None:
    come(fed, day(0, 9), "x", kind=GROUP, groupId="acme")
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 1")
    assert fed.tick(day(0)).sent == []


# --- who calls say that people are


def sources(**fed: str) -> dict[str, Any]:
    """`accounts="both"`: its file and the collector; `collector`: no file."""
    found: dict[str, Any] = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts")}
    for name, how in fed.items():
        found[name] = {"collector": True, **(found[name] if how == "both" else {})}
    return {**found, "usage": {"collector": True}}


@pytest.fixture
def profiled(world: World) -> World:
    return world.customer().project(sources=sources(accounts="both", contacts="both"), quiet_hours=None)


def test_traits_are_laid_over_what_the_files_say(profiled: World) -> None:
    come(profiled, day(0, 9), "", kind=IDENTIFY, traits={"role": "operator", "seniority": "lead", "email": "ann.new@customer.example"})
    come(profiled, day(0, 9), "", kind=GROUP, groupId="acme", traits={"plan": "enterprise", "seats": 40, "name": None})
    profiled.playbook(
        "found", "- {id: one, email: one, to: \"contact.seniority = 'lead' and contact.role = 'operator'\"}",
        enter="account.plan = 'enterprise' and account.seats >= 40",
    )  # fmt: skip
    assert profiled.tick(day(0)).sent == ["ann.new: One for Acme"]


def test_the_latest_word_counts_though_it_may_come_first_and_null_gives_way_to_the_file(profiled: World) -> None:
    come(profiled, day(0, 9), "", kind=GROUP, groupId="acme", traits={"plan": "new"}, timestamp=day(0, 8.5).isoformat())
    come(profiled, day(0, 9.1), "", kind=GROUP, groupId="acme", traits={"plan": "old", "area": "x"}, timestamp=day(0, 8).isoformat())
    profiled.playbook("p", "- {id: one, email: one}", enter="account.plan = 'new' and account.area = 'x'")
    assert profiled.tick(day(0)).sent == ["ann: One for Acme"]
    come(profiled, day(0, 11), "", kind=GROUP, groupId="acme", traits={"plan": None})
    profiled.playbook("q", "- {id: two, email: two}", enter="account.plan = 'team'")
    assert profiled.tick(day(0, 12)).sent == ["ann: Two for Acme"]


def test_people_need_no_file_at_all(world: World) -> None:
    world.project(sources=sources(accounts="collector", contacts="collector"), quiet_hours=None)
    world.playbook("greet", "- {id: one, email: one, to: everyone}", enter={"event": "invited"}, existing=None)
    world.tick(day(0))
    come(world, day(0, 11), "invited", user="eve")
    assert world.tick(day(0, 11.1)).sent == []
    assert world.engine.usage.waiting() == 1
    come(world, day(0, 11.2), "", user="eve", kind=IDENTIFY, traits={"email": "eve@new.example", "firstName": "Eve", "createdAt": "2026"})
    come(world, day(0, 11.2), "", user="eve", kind=GROUP, groupId="newco", traits={"name": "Newco", "csm_email": "alex@vendor.example"})
    assert world.tick(day(0, 12)).sent == ["eve: One for Newco"], "what waited for its account is taken in with it"


def test_who_is_known_by_calls_alone_was_not_there_before_the_first(profiled: World) -> None:
    come(profiled, day(2, 9), "", user="eve", kind=IDENTIFY, traits={"email": "eve@acme.example"}, context={"groupId": "acme"})
    profiled.playbook("all", "- {id: one, email: one, to: everyone}", enter="uses = 0")
    assert profiled.tick(day(1)).sent == ["ann: One for Acme"]
    profiled.playbook("again", "- {id: two, email: two, to: everyone}", enter="uses = 0")
    assert profiled.tick(day(3)).sent == ["ann: Two for Acme", "eve: Two for Acme"]


def test_people_of_unknown_accounts_are_no_bad_rows_and_come_with_their_account(profiled: World) -> None:
    for n in range(5):
        come(profiled, day(0, 9), "", user=f"u{n}", kind=IDENTIFY, traits={"email": f"u{n}@x.example"}, context={"groupId": "unheard-of"})
    profiled.playbook("all", "- {id: one, email: one, to: everyone}", enter="uses = 0")
    assert profiled.tick(day(0)).sent == ["ann: One for Acme"]
    come(profiled, day(0, 11), "", user="u0", kind=GROUP, groupId="unheard-of", traits={"name": "Unheard-of"})
    assert profiled.tick(day(0, 12)).sent == [f"u{n}: One for Unheard-of" for n in range(5)]


def test_the_group_of_a_user_places_what_names_no_account(fed: World) -> None:
    """Also what came before, of users whom no file knows."""
    fed.playbook("busy", "- {id: one, email: one}", enter="uses >= 2")
    come(fed, day(0, 8), "a", user="eve")
    come(fed, day(0, 9), "", user="eve", kind=GROUP, groupId="acme")
    come(fed, day(0, 9.1), "b", user="eve")
    assert fed.tick(day(0)).sent == ["ann: One for Acme"]
    assert fed.engine.usage.waiting() == 1, "as of when it was taken in; the next sync counts anew"


def test_a_call_that_is_told_again_undoes_nothing(profiled: World) -> None:
    store = profiled.engine.store
    old = collected({"userId": "ann", "messageId": "same", "traits": {"role": "old"}}, to_micros(day(0)), IDENTIFY)
    new = collected({"userId": "ann", "traits": {"role": "new"}}, to_micros(day(0)), IDENTIFY)
    for calls in ([old], [new], [old._replace(occurred_at=to_micros(day(1)))], [new._replace(message_id="x", occurred_at=0)]):
        store.collect(calls)
    assert [(one.id, one.traits) for one in store.profiles("contact")] == [("ann", '{"role": "new"}')]


def test_what_is_old_of_what_was_collected_goes_where_it_is_declared(fed: World) -> None:
    fed.project(retention={"collected": "30 days"})
    come(fed, day(0, 9), "a")
    come(fed, day(40, 9), "b")
    fed.tick(day(40))
    fed.tick(day(41))
    assert [one.call.event for one in fed.engine.store.collected(0, 10)] == ["b"]
