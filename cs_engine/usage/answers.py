"""The columns of the facts that hold what people have answered: their names say whose, of which step, and of which type.

`answer:account/renewal/kickoff.date:time` is the answer to the field `date` that the step `kickoff` of the playbook `renewal` asks, as
the accounts that stand in it gave it; `done:account/renewal/kickoff:date,goal` is whether both fields have been answered. So a plan
that people are still inside reads its own columns, whatever today's version asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cs_engine.language.expression import Grain, Type
from cs_engine.usage.spells import HELD_SINCE, spell_in

_ANSWER, _DONE = "answer:", "done:"


class AnswerColumn(NamedTuple):
    grain: Grain
    """Of those who pass through the playbook."""
    playbook: str
    step: str
    fields: tuple[str, ...]
    """The field; all that the step asks, when the column says whether they are answered."""
    type: Type
    done: bool


def answer_column(grain: Grain, playbook: str, step: str, field: str, type: Type) -> str:
    """Holds the latest answer; blank before there is one."""
    return f"{_ANSWER}{grain}/{playbook}/{step}.{field}:{type}"


def done_column(grain: Grain, playbook: str, step: str, fields: Sequence[str]) -> str:
    """Whether all of these have been answered; never blank."""
    return f"{_DONE}{grain}/{playbook}/{step}:{','.join(fields)}"


def answers_in(column: str) -> AnswerColumn | None:
    """What a column of that name holds; None when it is none of these."""
    if not column.startswith((_ANSWER, _DONE)):
        return None
    kind, _, rest = column.partition(":")
    grain, playbook, named = rest.split("/", 2)
    key, _, last = named.rpartition(":")
    if kind == "done":
        return AnswerColumn(Grain(grain), playbook, key, tuple(last.split(",")), Type.BOOLEAN, done=True)
    step, _, field = key.partition(".")
    return AnswerColumn(Grain(grain), playbook, step, (field,), Type(last), done=False)


def said(column: str) -> str:
    """The column as people read it in the journal: `answer:kickoff.date`, `held_since:changes_7d = 0`; other columns by their own name."""
    if (spell := spell_in(column)) is not None:
        return f"{HELD_SINCE}{spell.said}"
    found = answers_in(column)
    if found is None:
        return column
    return f"done:{found.step}" if found.done else f"answer:{found.step}.{found.fields[0]}"
