"""Answers as facts: the columns that conditions read of what those who stand in a playbook have answered, with one query if any reads one;
and the latest scores, with one where a playbook asks for any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cs_engine.instants import Micros
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.questions import Kind
from cs_engine.ports import Store
from cs_engine.usage.answers import AnswerColumn, answers_in

Column = tuple[list[str], list[str]]
Scores = tuple[list[str], list[float]]


def answers_for(store: Store, expressions: Iterable[Expression], at: Micros) -> Mapping[Grain, Mapping[str, Column]]:
    """Column -> (subjects, what they have answered by then), of every such column that these expressions read."""
    wanted = {name: found for e in expressions for name in e.names if (found := answers_in(name)) is not None}
    if not wanted:
        return {}
    given: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for answer in store.answers(sorted({column.playbook for column in wanted.values()}), at):
        given[answer.playbook, answer.step][answer.field][answer.subject_id] = answer.value
    columns: dict[Grain, dict[str, Column]] = defaultdict(dict)
    for name, column in wanted.items():
        columns[column.grain][name] = _values(column, given.get((column.playbook, column.step), {}))
    return columns


def scores(store: Store, plans: Iterable[Plan], at: Micros) -> tuple[Scores, Scores]:
    """What customers answered last by then where these plans ask `nps`: (accounts, scores), and (contacts, scores)."""
    asking = [
        (plan.playbook, step.id, question.field)
        for plan in plans
        for step in plan.steps
        for question in getattr(step, "ask", ())
        if question.kind is Kind.NPS
    ]
    accounts: dict[str, float] = {}
    contacts: dict[str, float] = {}
    for account, contact, value in store.latest_answers(asking, at) if asking else ():
        # What was answered while the question was of another kind is no score.
        if value.isdecimal():
            accounts[account] = contacts[contact] = float(value)
    return (list(accounts), list(accounts.values())), (list(contacts), list(contacts.values()))


def _values(column: AnswerColumn, by_field: Mapping[str, Mapping[str, str]]) -> Column:
    answers = [by_field.get(field, {}) for field in column.fields]
    if not column.done:
        return list(answers[0]), list(answers[0].values())
    everything = set(answers[0]).intersection(*answers[1:])
    return list(everything), ["true"] * len(everything)
