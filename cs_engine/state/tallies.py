"""How much of what each playbook did in its latest runs."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.journey.guards import KEPT, Tally
from cs_engine.state import schema
from cs_engine.state.database import Tx


def add(tx: Tx, given: Sequence[Tally]) -> None:
    """Adds to what was counted of the same run, and forgets what is too long ago to matter."""
    again = "ON CONFLICT (playbook, what, at) DO UPDATE SET n = tallies.n + excluded.n"
    tx.upsert(schema.tallies, Tally._fields, sorted(given), again)
    same = "playbook = :playbook AND what = :what"
    for playbook, what in sorted({tally[:2] for tally in given}):
        oldest = f"SELECT at FROM tallies WHERE {same} ORDER BY at DESC LIMIT 1 OFFSET :kept"
        tx.run(f"DELETE FROM tallies WHERE {same} AND at <= ({oldest})", playbook=playbook, what=what, kept=KEPT)


def all_kept(tx: Tx) -> list[Tally]:
    return [Tally(*row) for row in tx.rows("SELECT playbook, what, at, n FROM tallies ORDER BY at")]
