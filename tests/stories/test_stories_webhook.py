"""Webhooks: another system is told of a step, by ids alone unless the author names values."""

from __future__ import annotations

import json
from typing import Any

from cs_engine.settings import Settings
from cs_engine.wiring import assemble, webhook_keys
from tests.doubles.http import Answer
from tests.doubles.receiver import Receiver
from tests.stories.world import Ticked, World, day

TELL = "- {id: tell, webhook: crm}\n- {id: rest, wait: 1 days}"
CRM = {"endpoints": {"crm": "https://crm.vendor.example/hooks"}}


def said(tick: Ticked) -> list[dict[str, Any]]:
    return [json.loads(file.path.read_text())["said"] for file in tick.files if file.kind == "webhook"]


def key_of(world: World) -> bytes:
    """What the project's webhooks are signed with where no setting says so."""
    return webhook_keys(Settings(cs_engine_project=world.root))[0]


def test_a_webhook_tells_ids_and_nothing_of_a_person(world: World) -> None:
    tick = world.customer().project(webhooks=CRM).playbook("hello", TELL).tick(day(0))
    assert tick.sent == ["https://crm.vendor.example/hooks: hello/tell"]
    (enrolment,) = world.engine.store.enrolments_of("acme", "hello")
    (message,) = world.engine.store.messages_of("acme", "hello")
    assert said(tick) == [
        {"id": message.id, "playbook": "hello", "step": "tell", "account": "acme", "enrolment": enrolment.id, "at": "2026-03-02T10:00:00Z"}
    ]
    assert world.tick(day(1)).sent == []
    assert world.stands("hello") == ["done"]


def test_with_names_the_values_that_go_along(world: World) -> None:
    world.customer(seats=7).uses("acme").project(webhooks=CRM)
    steps = "- {id: tell, webhook: crm, with: [account.plan, account.signed_up_at, uses_7d, vars.campaign, account.contract_id]}"
    tick = world.playbook("hello", steps, vars={"campaign": "spring"}).tick(day(0))
    assert [one["values"] for one in said(tick)] == [
        {
            "account.plan": "team",
            "account.signed_up_at": "2026-03-02T08:00:00Z",
            "uses_7d": 1,
            "vars.campaign": "spring",
            "account.contract_id": None,
        }
    ]


def test_an_address_may_stand_in_the_step_itself(world: World) -> None:
    world.customer().playbook("hello", "- {id: tell, webhook: 'https://other.example/x', with: account.name}")
    tick = world.tick(day(0))
    assert tick.sent == ["https://other.example/x: hello/tell"]
    assert said(tick)[0]["values"] == {"account.name": "Acme"}


def test_where_contacts_pass_through_it_tells_which(world: World) -> None:
    world.customer().project(webhooks=CRM).playbook("hello", TELL, subject="contact")
    assert [(one["account"], one["contact"]) for one in said(world.tick(day(0)))] == [("acme", "ann")]


def test_a_webhook_waits_for_no_hour_and_no_hold(world: World) -> None:
    world.customer().project(webhooks=CRM).playbook("hello", TELL, hold="account.plan = 'team'")
    assert len(world.tick(day(0, 23)).sent) == 1


def test_control_passages_tell_nobody(world: World) -> None:
    world.project(webhooks=CRM)
    for number in range(20):
        world.customer(f"a{number}", f"c{number}")
    world.playbook("hello", TELL, holdout="50%")
    control = world.tick(day(0)).of("hello")["control"]["entered"]
    assert 0 < control < 20
    assert sum(len(world.messages("hello", f"a{number}")) for number in range(20)) == 20 - control


def test_it_posts_again_as_often_as_it_says(world: World) -> None:
    world.customer().project(webhooks=CRM).playbook("hello", "- {id: tell, webhook: crm, repeat: {every: 1 days, times: 2}}")
    ids = [one["id"] for at in (0, 1, 2, 3, 4) for one in said(world.tick(day(at)))]
    assert len(set(ids)) == 2


def test_an_endpoint_that_project_yaml_has_no_more_holds_what_is_under_way_loudly(world: World) -> None:
    world.customer().project(webhooks=CRM, channels={"webhook": "https"})
    world.playbook("hello", "- {id: tell, webhook: crm}")
    world.engine.project.config.webhooks.endpoints.clear()  # as after the playbook was compiled
    tick = world.tick(day(0))
    assert tick.json["failures"] == ["delivery: crm is held: no_endpoint"]
    assert world.messages("hello") == ["tell crm held (no_endpoint)"]


def test_why_and_preview_show_it(world: World) -> None:
    world.customer().project(webhooks=CRM).playbook("hello", TELL).tick(day(0))
    why = world.why("hello")
    assert why["passages"][0]["next"] == "goes on at the tick after its last message has ended"
    (shown,) = world.preview("hello", "tell")
    assert (shown["channel"], shown["to"], shown["said"]["account"]) == ("webhook", "https://crm.vendor.example/hooks", "acme")


def test_a_5xx_is_tried_again_later_and_a_4xx_ends_it(world: World) -> None:
    """Through a real server: signed, allowed by project.yaml, with the message's id."""
    with Receiver(key_of(world)) as receiver:
        receiver.on_key("/broken", Answer(410))
        receiver.on_key("/later", Answer(503))
        world.customer().project(
            channels={"webhook": "https"},
            webhooks={"allow": ["127.0.0.1"], "endpoints": {n: f"{receiver.base_url}/{n}" for n in ("fine", "broken", "later")}},
        )
        for name in ("fine", "broken", "later"):
            world.playbook(name, f"- {{id: tell, webhook: {name}}}")
        tick = world.tick(day(0))
        assert tick.delivery == {"accepted": 1, "rejected": 1, "pending": 1}
        assert world.messages("later") == ["tell later planned (503)"]
        assert world.messages("broken") == ["tell broken rejected (410)"]
        receiver.on_key("/later", Answer(200))
        assert world.tick(day(1)).delivery == {"accepted": 1}
    assert receiver.problems == []
    assert [call.path for call in receiver.accepted] == ["/fine", "/later"]


def test_a_time_out_is_posted_again_under_the_same_id(world: World) -> None:
    """By default: the receiver knows it by its id. `drop` gives it up."""
    with Receiver(key_of(world)) as receiver:
        receiver.always(Answer(fate="reset", take=True))
        world.customer().project(channels={"webhook": "https"}, webhooks={"allow": ["127.0.0.1"]})
        url = f"{receiver.base_url}/x"
        world.playbook("again", f"- {{id: tell, webhook: '{url}'}}").playbook("once", f"- {{id: tell, webhook: '{url}', uncertain: drop}}")
        world.tick(day(0))
        receiver.always(None)
        world.tick(day(1))
        world.tick(day(2))
    assert [line.rsplit(" ", 1)[-1] for line in world.messages("once")] == ["(uncertain_dropped)"]
    assert [line.rsplit(" ", 1)[-1] for line in world.messages("again")] == ["accepted"]


def test_settings_name_the_key(world: World) -> None:
    """The engine opens with the real channel when project.yaml says so, without any further setting."""
    world.customer().project(channels={"webhook": "https"})
    world.close()
    with assemble(Settings(cs_engine_project=world.root)) as assembled:
        assert "webhook" in assembled.engine.outbox.channels
