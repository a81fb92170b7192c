"""What random playbooks and days have found, each as small as it could be made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.properties.days import towns
from tests.properties.documents import Doc
from tests.properties.project import Home
from tests.properties.town import START, Life, Moment, Town, differences, state

MAIL = {"id": "mail", "email": "one"}
CALL = {"id": "call", "cta": "call"}


def playbook(id: str, *steps: Any, **keys: Any) -> Doc:
    return {"playbook": id, "existing": "include", **keys, "steps": list(steps)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (playbook("first", MAIL), playbook("second", MAIL, enter="emails_30d > 0")),
        (playbook("first", CALL), playbook("second", MAIL, enter="account.open_ctas > 0")),
        (playbook("first", MAIL, enter="account.a0"), playbook("second", {"id": "wait", "wait_until": "emails_30d > 0"}, MAIL)),
        (playbook("first", CALL, enter="account.a0"), playbook("second", {"id": "wait", "wait_until": "account.open_ctas > 0"}, MAIL)),
        (
            playbook("first", {**CALL, "close_when": "account.a0"}),
            playbook("second", MAIL, enter="account.a0 and not account.open_ctas > 0"),
        ),
    ],
    ids=["enters by mails", "enters by alerts", "waits for mails", "waits for alerts", "enters by a closed alert"],
)
def test_a_tick_that_died_at_its_end_and_is_run_again_does_not_see_what_it_did(home: Home, first: Doc, second: Doc) -> None:
    people = towns(())
    calm, rough = (Town(home.project, [first, second], people) for _ in range(2))
    for day in range(3):
        now = START + timedelta(days=day)
        people.flags |= {(account, "account.a0") for account in people.accounts if day}
        for town in (calm, rough):
            town.sync()
        calm.tick(now)
        assert not rough.survives(now, Life(Moment("end_tick")))
        assert rough.survives(now)
        assert differences(state(calm), state(rough)) == []
    calm.close()
    rough.close()


def test_an_alert_of_who_met_the_goal_closes_though_that_tick_died_and_the_goal_is_not_met_any_more(home: Home) -> None:
    people = towns(())
    town = Town(home.project, [playbook("first", CALL, {"id": "wait", "wait": "1 week"}, goal="account.a0")], people)
    town.sync()
    town.tick(START)
    people.flags |= {("acc0", "account.a0")}
    assert not town.survives(START + timedelta(days=1), Life(Moment("commit", after=True)))
    assert town.rows("SELECT account_id FROM enrolments WHERE finished_reason = 'goal'") == [("acc0",)]
    people.flags.clear()
    town.tick(START + timedelta(days=2))
    assert sorted(cta.account_id for cta in town.store.open_ctas()) == [f"acc{i}" for i in range(1, 8)]
    town.close()
