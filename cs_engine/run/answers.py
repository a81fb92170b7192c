"""Answers as facts: the columns that conditions read of what those who stand in a playbook have answered. One query, if any reads one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cs_engine.instants import Micros
from cs_engine.language.expression import Expression, Grain
from cs_engine.ports import Store
from cs_engine.usage.answers import AnswerColumn, answers_in

Column = tuple[list[str], list[str]]


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


def _values(column: AnswerColumn, by_field: Mapping[str, Mapping[str, str]]) -> Column:
    answers = [by_field.get(field, {}) for field in column.fields]
    if not column.done:
        return list(answers[0]), list(answers[0].values())
    everything = set(answers[0]).intersection(*answers[1:])
    return list(everything), ["true"] * len(everything)
