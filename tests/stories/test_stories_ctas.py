"""CTAs: alerts to the CSM in Slack, one for each account, playbook and step; they close by themselves, and say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cs_engine.channels.mailbox import Mail, mails
from tests.stories.world import World, day

CALL = "- {id: call, cta: call}\n- {id: rest, wait: 30 days}"
STUCK = """
    - id: watch
      wait_until: uses > 0
      at_most: 1 day
      otherwise:
        - {id: call, cta: call}
        - {id: pause, wait: 9 days}
      after: keep_waiting
    - {id: end, wait: 30 days}
"""


def said(file: Mail) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.path.read_text())
    return found


def closing(world: World, playbook: str, account: str = "acme") -> list[str]:
    return [line for line in world.journal(playbook, account) if "cta_closed" in line]


def test_an_alert_goes_to_the_accounts_csm(world: World) -> None:
    assert world.customer().playbook("alarm", CALL).tick(day(0)).sent == ["U-ALEX: Call Acme"]
    (cta,) = world.engine.store.open_ctas()
    assert (cta.account_id, cta.staff) == ("acme", "alex@vendor.example")


def test_a_csm_is_known_however_the_address_is_capitalised(world: World) -> None:
    assert world.customer(csm="Alex@Vendor.example").playbook("alarm", CALL).tick(day(0)).sent == ["U-ALEX: Call Acme"]


def test_an_alert_may_go_to_the_manager_or_a_staff_role(world: World) -> None:
    world.customer().playbook("alarm", "- {id: call, cta: call, to: csm.manager}\n- {id: sell, cta: call, to: sales}")
    assert world.tick(day(0)).sent == ["U-LEAD: Call Acme"]
    assert world.tick(day(1)).sent == ["U-KIM: Call Acme"]


@pytest.mark.parametrize("others", [False, True])
def test_an_alert_without_csm_goes_to_the_projects_fall_back_whoever_else_is_alerted(world: World, others: bool) -> None:
    world.customer(csm="")
    if others:
        world.customer("beta", "bob")
    assert "U-LEAD: Call Acme" in world.playbook("alarm", CALL).tick(day(0)).sent


def test_a_csm_who_is_not_in_the_team_counts_as_none(world: World) -> None:
    assert world.customer(csm="left@vendor.example").playbook("alarm", CALL).tick(day(0)).sent == ["U-LEAD: Call Acme"]


def test_an_alert_for_one_without_a_slack_id_goes_to_the_teams_channel(world: World) -> None:
    world.write(
        "playbooks/team.yaml", "staff:\n  - {email: lead@vendor.example, name: Toni}\n  - {email: alex@vendor.example, name: Alex}\n"
    )
    assert world.customer().playbook("alarm", CALL).tick(day(0)).sent == ["#cs: Call Acme"]


# --- identity ----------------------------------------------------------------------------------------------------------


def test_firing_again_updates_the_open_one(world: World) -> None:
    world.customer(contract_id="c-1").playbook("alarm", "- {id: call, cta: call}", once_per="account.contract_id")
    (first,) = world.tick(day(0)).files
    world.tick(day(1))
    world.account(contract_id="c-2")
    (again,) = world.tick(day(2)).files
    assert said(again)["update"] == f"mailbox:{first.id}"
    assert len(world.engine.store.open_ctas()) == 1


def test_two_people_of_one_account_in_one_tick_make_one_alert(world: World) -> None:
    world.account().contact("ann").contact("bob").playbook(
        "alarm", "- {id: call, cta: call}\n- {id: rest, wait: 9 days}", subject="contact"
    )
    tick = world.tick(day(0))
    assert (tick.sent, tick.delivery) == (["U-ALEX: Call Acme"], {"accepted": 1, "skipped": 1})
    world.tick(day(1))
    assert world.stands("alarm") == ["rest", "rest"]


def test_firing_after_it_was_closed_opens_it_anew(world: World) -> None:
    world.customer(contract_id="c-1").uses("acme", day(1, 9))
    world.playbook("alarm", "- {id: call, cta: call, close_when: uses_7d > 0}", once_per="account.contract_id")
    world.tick(day(0))
    world.tick(day(1))
    assert world.engine.store.open_ctas() == []
    world.account(contract_id="c-2")
    (again,) = world.tick(day(12)).files
    assert "update" not in said(again)
    assert len(world.engine.store.open_ctas()) == 1


def test_open_ctas_counts_them_and_conditions_can_ask(world: World) -> None:
    world.customer().customer("beta", "bob").playbook("alarm", CALL, enter="account.name = 'Acme'")
    world.playbook("quiet", "- {id: one, email: one}", enter="open_ctas = 0 and days_since(account.signed_up_at) > 0")
    world.tick(day(0))
    assert world.tick(day(1)).sent == ["bob: One for Beta"]


# --- closing -----------------------------------------------------------------------------------------------------------


def test_it_closes_when_the_enclosing_wait_is_met_and_says_so_in_its_place(world: World) -> None:
    world.customer().uses("acme", day(3, 9)).playbook("alarm", STUCK)
    world.tick(day(0))
    (alert,) = world.tick(day(1)).files
    world.tick(day(2))
    (update,) = world.tick(day(3)).files
    assert (said(update)["update"], said(update)["channel"]) == (f"mailbox:{alert.id}", "U-ALEX")
    assert "Closed by itself" in json.dumps(said(update)["blocks"])
    assert closing(world, "alarm") == ["call cta_closed wait_met"]
    assert world.engine.store.open_ctas() == []


def test_it_closes_with_an_outer_wait_too(world: World) -> None:
    inner = "\n".join(f"        {line}" for line in STUCK.replace("uses > 0", "uses > 5").split("- {id: end")[0].splitlines())
    outer = (
        f"- id: outer\n  wait_until: uses > 0\n  at_most: 1 day\n  otherwise:\n{inner}\n  after: keep_waiting\n- {{id: end, wait: 9 days}}"
    )
    world.customer().uses("acme", day(4, 9)).playbook("alarm", outer)
    for n in (0, 1, 2, 3):
        world.tick(day(n))
    assert len(world.engine.store.open_ctas()) == 1
    world.tick(day(4))
    assert closing(world, "alarm") == ["call cta_closed wait_met"]


def test_it_closes_when_close_when_holds(world: World) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("alarm", CALL.replace("cta: call", "cta: call, close_when: uses > 0"))
    world.tick(day(0))
    world.tick(day(1))
    assert closing(world, "alarm") == ["call cta_closed condition_cleared"]


@pytest.mark.parametrize("key", ["goal", "exit"])
def test_it_closes_at_goal_or_exit(world: World, key: str) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("alarm", CALL, **{key: "uses > 0"})
    world.tick(day(0))
    assert world.tick(day(1)).sent == ["U-ALEX: Call Acme"]
    assert closing(world, "alarm") == [f"call cta_closed {key}"]


def test_it_closes_at_the_goal_even_after_its_passage_has_ended(world: World) -> None:
    world.customer().uses("acme", day(5, 9)).playbook("alarm", "- {id: call, cta: call}", goal="uses > 0")
    world.tick(day(0))
    world.tick(day(1))
    assert world.stands("alarm") == ["done"]
    world.tick(day(5))
    assert closing(world, "alarm") == ["call cta_closed goal"]


@pytest.mark.parametrize("change", ["new version", "deleted"])
def test_it_closes_although_its_playbook_has_changed_since_its_passage_ended(world: World, change: str) -> None:
    world.customer().uses("acme", day(5, 9)).playbook("alarm", "- {id: call, cta: call}", goal="uses > 0")
    world.tick(day(0))
    world.tick(day(1))
    if change == "deleted":
        world.delete("playbooks/alarm.yaml")
    else:
        world.playbook("alarm", "- {id: other, email: one}", goal="uses > 100")
    assert world.tick(day(5)).sent == ["U-ALEX: Call Acme"]
    assert closing(world, "alarm") == ["call cta_closed goal"]


def test_it_closes_when_its_customer_is_gone(world: World) -> None:
    world.customer().playbook("alarm", CALL)
    world.tick(day(0))
    world.gone("acme", "ann")
    world.tick(day(1))
    assert closing(world, "alarm") == ["call cta_closed subject_gone"]


def test_closing_is_said_once(world: World) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("alarm", CALL, goal="uses > 0")
    world.tick(day(0))
    world.tick(day(1))
    assert (world.tick(day(1), "alarm").sent, world.tick(day(2)).sent) == ([], [])


def test_an_alert_that_is_closed_before_it_is_sent_is_not_sent_and_neither_is_its_closing(world: World) -> None:
    world.customer().uses().playbook("alarm", CALL.replace("cta: call", "cta: call, close_when: uses > 0"))
    tick = world.tick(day(0))
    assert (tick.sent, tick.delivery) == ([], {"skipped": 2})
    assert world.messages("alarm") == ["call alex skipped (condition_cleared)", "call alex skipped (never_posted)"]
    world.tick(day(1))
    assert world.stands("alarm") == ["rest"]


# --- threads -----------------------------------------------------------------------------------------------------------


def test_firing_again_is_told_once_in_the_thread_of_the_alert(world: World) -> None:
    world.customer(contract_id="c-1").playbook("alarm", "- {id: call, cta: call}", once_per="account.contract_id")
    first = world.tick(day(0))
    world.tick(day(1))
    again = world.account(contract_id="c-2").tick(day(2))
    assert again.replies == ["U-ALEX: :repeat: It has fired again on Wednesday, 4 March."]
    (reply,) = [found for file in mails(world.root) if "thread" in (found := said(file))]
    assert (reply["thread"], reply["channel"]) == (f"mailbox:{first.files[0].id}", "U-ALEX")
    assert (world.tick(day(2), "alarm").replies, world.tick(day(3)).replies) == ([], [])


def test_closing_by_itself_is_told_in_the_thread(world: World) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("alarm", CALL, goal="uses > 0")
    assert world.tick(day(0)).replies == []
    assert world.tick(day(1)).replies == ["U-ALEX: :white_check_mark: Closed by itself: the goal is reached."]


def test_what_nobody_saw_has_no_thread(world: World) -> None:
    world.customer().uses().playbook("alarm", CALL.replace("cta: call", "cta: call, close_when: uses > 0"))
    assert (world.tick(day(0)).replies, world.tick(day(1)).replies) == ([], [])


def test_a_cta_with_an_if_of_its_own_journals_what_it_saw(world: World) -> None:
    world.customer().playbook("alarm", "- {id: call, cta: call, if: account.seats > 3}")
    world.tick(day(0))
    assert "call fired if" in world.journal("alarm")
