"""P125: what is set is read from the next tick on."""

from __future__ import annotations

import pytest

from tests.unit.playbook.folder import Folder

MARK = "- {id: mark, set: {stage: adopting}}\n"
EARLY = '{} is not yet what the step "mark" sets: it is read from the next tick on; put a `wait: 1 minutes` between them'


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("- {id: a, if: account.stage = 'adopting', email: onboarding/welcome}", "4:17 {}"),
        ("- if: account.stage = 'x'\n  then: [{id: a, wait: 1 days}]", "4:9 {}"),
        ("- {id: a, if: changes_7d > 5, wait: 2 days}\n- {id: b, if: account.stage = 'x', wait: 1 days}", "5:17 {}"),
        ("- if: changes_7d > 5\n  then: [{id: a, if: account.stage = 'x', wait: 1 days}]", "5:24 {}"),
        ("- {id: a, email: onboarding/welcome, to: contact.role = account.stage}", "4:44 {}"),
        ("- {id: a, if: account.plan = 'a', set: {more: 1}}\n- {id: b, if: account.stage = 'x', stop: }", "5:17 {}"),
    ],
)
def test_who_asks_in_the_same_tick_sees_what_was_before(folder: Folder, steps: str, said: str) -> None:
    assert folder.steps(MARK + steps).said() == [said.format(f"warning P125 {EARLY.format('account.stage')}")]


@pytest.mark.parametrize(
    "steps",
    [
        "- {id: a, at: account.signed_up_at + 9 days, if: account.stage = 'adopting', wait: 1 days}",
        "- {id: w, wait: 1 minutes}\n- {id: a, if: account.stage = 'adopting', email: onboarding/welcome}",
        "- {id: a, email: onboarding/welcome}\n- {id: b, if: account.stage = 'adopting', email: onboarding/explore}",
        "- {id: a, if: account.plan = 'a', email: onboarding/welcome}\n- {id: b, if: account.plan = 'b', email: onboarding/explore}",
        "- {id: a, wait_until: account.stage = 'adopting'}\n- {id: b, if: account.stage = 'adopting', wait: 1 days}",
    ],
)
def test_behind_a_wait_or_of_other_values_nothing_is_said(folder: Folder, steps: str) -> None:
    assert folder.steps(MARK + steps).said() == []
