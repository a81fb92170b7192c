"""What `set` writes can be read from the next tick on: who asks for it in the same one sees what was before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cs_engine.language.expression import Expression
from cs_engine.language.problems import Level, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.draw import edges
from cs_engine.playbook.plan import AddressedStep, AnyStep, Branch, Enrol, Plan, Set, Split
from cs_engine.playbook.shape import Path


def check_set(plan: Plan, ids: Mapping[Path, str], document: Document, problems: Problems) -> None:
    """P125: a step asks for what has been set in the same tick. `ids`: the steps' by their places."""
    places, said = {id: path for path, id in ids.items()}, set[Path]()
    for step in plan.steps:
        if not isinstance(step, Set):
            continue
        written = {f"account.{name}" for name in step.values}
        for reader in _in_the_same_tick(plan, step):
            for key, expression in _asks(reader):
                here = (*places[reader.id], key)
                early = sorted(written.intersection(expression.names))
                if early and here not in said:
                    said.add(here)
                    message = f'{", ".join(early)} is not yet what the step "{step.id}" sets: it is read from the next tick on'
                    problems.add(document.place(here), "P125", message, "put a `wait: 1 minutes` between them", Level.WARNING)


def _in_the_same_tick(plan: Plan, setting: Set) -> list[AnyStep]:
    """The steps that somebody comes to after that one without resting in between."""
    left, found = [setting.next.to], dict[str, AnyStep]()
    while left:
        id = left.pop()
        step = plan.step(id) if id is not None and id not in found else None
        if step is None:
            continue
        found[step.id] = step
        if isinstance(step, Branch | Split | Set | Enrol):
            left += [edge.to for _, edge in edges(step)]
        elif step.only_if is not None:  # those for whom it does not hold pass by
            left.append(step.next.to)
    return list(found.values())


def _asks(step: AnyStep) -> Iterator[tuple[str, Expression]]:
    """What a step asks of whoever comes to it, by key."""
    if step.only_if is not None:
        yield "if", step.only_if
    if isinstance(step, Branch):
        yield "if", step.condition
    if isinstance(step, AddressedStep) and step.to.condition is not None:
        yield "to", step.to.condition
