"""Who is in a playbook's control group: decided at the first entry, kept, and only ever let go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat

from cs_engine.journey.columns import from_columns
from cs_engine.journey.enrolment import Passage
from cs_engine.journey.experiment import CONTROL, TREATED, Assignment, groups
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import Plan
from cs_engine.run.context import TickContext


class Groups:
    """The control group of one playbook in one tick."""

    def __init__(self, tick: TickContext, plan: Plan, passages: Sequence[Passage]) -> None:
        """`passages`: all that the playbook has had."""
        self._tick, self._plan, self._passages = tick, plan, passages
        smallest = tick.holdouts.get(plan.playbook)
        self.share = plan.holdout if smallest is None else min(plan.holdout, smallest)
        if self.share != (smallest or 0.0):
            tick.engine.store.put_holdout(plan.playbook, self.share)
        self._known: dict[str, str] = {}

    def controls(self, accounts: Sequence[str]) -> list[bool]:
        """For each account whether it is control."""
        if not self.share:
            return [False] * len(accounts)
        self._decide(accounts)
        return [self._known[account] == CONTROL for account in accounts]

    def assignments(self, accounts: Sequence[str]) -> list[Assignment]:
        """What is to be kept of them; nothing where there is no control group."""
        if not self.share:
            return []
        self._decide(accounts)
        own = list(dict.fromkeys(accounts))
        return from_columns(Assignment, repeat(self._plan.playbook), own, [self._known[account] for account in own], repeat(self._tick.at))

    def _decide(self, accounts: Sequence[str]) -> None:
        # Asked for twice: as a passage begins, and when it is kept.
        new = [account for account in dict.fromkeys(accounts) if account not in self._known]
        before = [self._kept.get(account, "") for account in new]
        self._known.update(zip(new, groups(self._plan.playbook, new, self.share, before), strict=True))

    @cached_property
    def _kept(self) -> Mapping[str, str]:
        """Account -> what it was before. Who went through before there was a control group was treated."""
        treated = dict.fromkeys(_accounts(self._tick, self._plan, self._passages), TREATED)
        return treated | self._tick.engine.store.assigned(self._plan.playbook)


def _accounts(tick: TickContext, plan: Plan, passages: Sequence[Passage]) -> set[str]:
    subjects = {passage.subject_id for passage in passages}
    if plan.subject is Grain.ACCOUNT:
        return subjects
    ids, index, of = tick.facts.ids(Grain.ACCOUNT), tick.facts.rows(Grain.CONTACT), tick.facts.account_of_contact()
    return {ids[of[index[contact]]] for contact in subjects if contact in index}
