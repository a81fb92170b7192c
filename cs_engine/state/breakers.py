"""The breakers of the ways out, as all who deliver share them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cs_engine.journey.breaker import Breaker, State
from cs_engine.state import schema
from cs_engine.state.database import Tx

_COLUMNS = ", ".join(Breaker._fields)


def all_of(tx: Tx) -> list[Breaker]:
    """Those that ever failed, by name."""
    return _breakers(tx.rows(f"SELECT {_COLUMNS} FROM breakers ORDER BY way"))


def one(tx: Tx, way: str) -> Breaker:
    """It, closed when it never failed."""
    found = _breakers(tx.rows(f"SELECT {_COLUMNS} FROM breakers WHERE way = :way", way=way))
    return found[0] if found else Breaker(way)


def move(tx: Tx, to: Breaker) -> bool:
    """Puts it as it stands now, its revision being the one that it was read at; False when somebody has moved it since."""
    values = to._asdict() | {"state": to.state.value}
    if to.revision == 0:
        tx.upsert(schema.breakers, ("way", *_KEPT), [(to.way, *(0 for _ in _KEPT))], "ON CONFLICT DO NOTHING")
    sets = ", ".join(f"{name} = :{name}" for name in Breaker._fields if name not in ("way", "revision"))
    return tx.run(f"UPDATE breakers SET {sets}, revision = revision + 1 WHERE way = :way AND revision = :revision", **values) == 1


_KEPT = ("since", "until", "times", "began", "failed", "answered")


def _breakers(rows: Iterable[tuple[Any, ...]]) -> list[Breaker]:
    return [Breaker(*row)._replace(state=State(row[1])) for row in rows]
