"""How long conditions have been true: looked at in every tick for all subjects at once, and remembered, so that held(…) can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from cs_engine.instants import Micros
from cs_engine.language.expression import Expression, Grain, Spell
from cs_engine.ports import Store
from cs_engine.run.context import TickContext
from cs_engine.usage.spells import spell_in

HeldSince = Mapping[Grain, Mapping[str, tuple[list[str], list[Micros]]]]


def asked_of(expressions: Iterable[Expression]) -> tuple[Spell, ...]:
    """All that these expressions ask held(…) of, each once."""
    found = {spell.column: spell for expression in expressions for spell in expression.spells}
    return tuple(found.values())


def held_since(store: Store, spells: Iterable[Spell], at: Micros) -> HeldSince:
    """For the facts: since when each has been true, as the tick at that `now` finds it."""
    names = [spell.column for spell in spells]
    columns: dict[Grain, dict[str, tuple[list[str], list[Micros]]]] = defaultdict(dict)
    for name, found in (store.spells(names, at) if names else {}).items():
        spell = spell_in(name)
        assert spell is not None
        columns[spell.grain][name] = found
    return columns


def see(tick: TickContext) -> None:
    """Remembers of whom each condition is true now. What no plan asks any more is forgotten: asked again, it begins anew."""
    holding = {}
    for spell in tick.spells:
        ids = tick.facts.ids(spell.condition.grain)
        holding[spell.column] = [ids[row] for row in np.flatnonzero(tick.facts.mask(spell.condition)).tolist()]
    tick.engine.store.see_spells(holding, tick.at)
