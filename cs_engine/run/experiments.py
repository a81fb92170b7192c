"""Who is in a playbook's control group: decided at the first entry, kept, and only ever let go."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.journey.enrolment import Passage
from cs_engine.journey.experiment import CONTROL, TREATED, Assignment, group
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import Plan
from cs_engine.run.context import TickContext


class Groups:
    """The control group of one playbook in one tick."""

    def __init__(self, tick: TickContext, plan: Plan, passages: Sequence[Passage]) -> None:
        """`passages`: all that the playbook has had."""
        store, self._playbook, self._at = tick.engine.store, plan.playbook, tick.at
        smallest = tick.holdouts.get(plan.playbook)
        self.share = plan.holdout if smallest is None else min(plan.holdout, smallest)
        if self.share != (smallest or 0.0):
            store.put_holdout(plan.playbook, self.share)
        # Who went through before there was a control group was treated.
        self._kept = dict.fromkeys(_accounts(tick, plan, passages), TREATED) | store.assigned(plan.playbook) if self.share else {}

        self._known: dict[str, str] = {}

    def controls(self, accounts: Sequence[str]) -> list[bool]:
        """For each account whether it is control."""
        if not self.share:
            return [False] * len(accounts)
        return [self._group(account) == CONTROL for account in accounts]

    def assignments(self, accounts: Sequence[str]) -> list[Assignment]:
        """What is to be kept of them; nothing where there is no control group."""
        if not self.share:
            return []
        return [Assignment(self._playbook, account, self._group(account), self._at) for account in sorted(set(accounts))]

    def _group(self, account: str) -> str:
        # Asked for twice: as a passage begins, and when it is kept.
        if (known := self._known.get(account)) is None:
            known = self._known[account] = group(self._playbook, account, self.share, self._kept.get(account, ""))
        return known


def _accounts(tick: TickContext, plan: Plan, passages: Sequence[Passage]) -> set[str]:
    subjects = {passage.subject_id for passage in passages}
    if plan.subject is Grain.ACCOUNT:
        return subjects
    ids, index, of = tick.facts.ids(Grain.ACCOUNT), tick.facts.rows(Grain.CONTACT), tick.facts.account_of_contact()
    return {ids[of[index[contact]]] for contact in subjects if contact in index}
