"""Events that came in one by one, on their way into a segment: where they lie, and which numbers stand for what they name.

They lie in memory as columns, in order of time, and numbers are put beside them as they are found. So no text is copied or sorted: what
is looked up by text is a pair of whole numbers, and the texts themselves are read once more when the segment is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import Micros, to_micros
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.sets.segments import ID_NUMBER
from cs_engine.sources.sql import listed, quoted

TEXTS = ("id", "account", "contact", "event")
TIMES = ("at", "learned_at")
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""What is trimmed, beside the plain space and line breaks."""
_RARE = "\0\t\r\f"
"""What is left out, or trimmed, and hardly ever there."""
_FIRST, _LAST = to_micros(datetime(1, 1, 1, tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))
"""What a calendar can say."""
_NUMBERS = ("#account", "#contact", "#event")
_NONE = -1
"""Stands for no number."""


class Arrivals(NamedTuple):
    """Events in the order in which they came, aligned."""

    id: Sequence[str]
    """Tells an event from others: one that is there already, or stands here twice, counts once."""
    account: Sequence[str]
    contact: Sequence[str | None]
    """Who acted; it need not be among the contacts."""
    event: Sequence[str]
    at: Sequence[Micros]
    """When it happened."""
    learned_at: Sequence[Micros]
    """When it came: nothing learned after `now` exists."""
    properties: Sequence[str]
    """JSON objects, '' for none: each key becomes a column, typed by its values as those of CSV are; objects within stay JSON."""


class Came:
    """Arrivals as the relation `given`, in order of time. `#line` is their place among those that came, from 1."""

    def __init__(self, db: duckdb.DuckDBPyConnection, arrivals: Arrivals) -> None:
        self._db = db
        n = len(arrivals.account)
        named = [*TEXTS, *TIMES, *(["properties"] if any(arrivals.properties) else [])]
        columns: dict[str, NDArray[Any]] = {
            name: np.fromiter(getattr(arrivals, name), np.int64 if name in TIMES else np.object_, n) for name in named
        }
        clean = [name for name in TEXTS if _clean(getattr(arrivals, name), optional=name == "contact")]
        clean += [name for name in TIMES if n and columns[name].min() >= _FIRST and columns[name].max() <= _LAST]
        self.clean = frozenset(clean)
        """Columns that are taken as they are: no value is blank, or needs trimming, or is wrong by itself."""
        columns["#line"] = np.arange(1, n + 1)
        order = _order(columns["at"])
        self._columns = columns if order is None else {name: column[order] for name, column in columns.items()}
        self._places = None if order is None else np.argsort(order)
        self._columns |= {name: np.full(n, _NONE, np.int32) for name in _NUMBERS} | {"#id": np.zeros(n, np.uint64)}
        self._register()

    @property
    def has_properties(self) -> bool:
        return "properties" in self._columns

    @property
    def ids(self) -> NDArray[np.uint64]:
        """The numbers of their ids, in order."""
        return np.sort(self._columns["#id"])

    def select(self) -> str:
        """SELECT of the columns, and of their numbers as far as they are known when it is run; in order of time."""
        shown = [f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in TEXTS]
        shown += [f"make_timestamptz({quoted(name)}) AS {quoted(name)}" for name in TIMES]
        shown += [f"nullif({quoted(name)}, {_NONE}) AS {quoted(name)}" for name in _NUMBERS]
        return f'SELECT "#line", "#id", {listed(shown)} FROM given'

    def number(self) -> None:
        """Finds the numbers of ids and accounts. The relation `accounts` is there."""
        id, account = (quoted(name) if name in self.clean else cols.clean_text(name, "VARCHAR") for name in ("id", "account"))
        given = f'(SELECT "#line", {account} AS text FROM ({self.select()}))'
        self._columns["#id"] = self._db.execute(f"SELECT coalesce({ID_NUMBER.format(id)}, 0) AS id FROM ({self.select()})").fetchnumpy()[
            "id"
        ]
        self.look_up("#account", given, "accounts")

    def all_found(self, name: str) -> bool:
        """Whether each has that number by now."""
        return bool((self._columns[name] != _NONE).all())

    def look_up(self, name: str, texts: str, known: str, number: str = "#no") -> None:
        """Puts down numbers: of those of `texts` ("#line" and text) that are an id of the relation `known`."""
        found = self._db.execute(
            f'SELECT t."#line", k.{quoted(number)} AS number FROM {texts} AS t JOIN {known} AS k ON k.id = t.text'
        ).fetchnumpy()
        places = np.asarray(found["#line"]) - 1
        self._columns[name][places if self._places is None else self._places[places]] = found["number"]
        self._register()

    def _register(self) -> None:
        self._db.register("given", self._columns)


def _order(at: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """The places of times in their order; None where they are in order."""
    return None if np.all(at[1:] >= at[:-1]) else np.argsort(at, kind="stable")


def _clean(values: Sequence[str | None], *, optional: bool) -> bool:
    """Whether each is text that is not blank, is trimmed and holds no NUL; or None, where it is optional.

    They are looked at all at once, which costs a tenth of one by one; a line break in some may make that fail, and costs time alone.
    """
    try:
        joined = "\n".join(cast("Sequence[str]", values))
    except TypeError:  # looking for None before would take as long as all the rest
        if not optional:
            return False
        joined = "\n".join(value for value in values if value is not None)
    joined = f"\n{joined}\n"
    return (
        "\n\n" not in joined
        and not any(rare in joined for rare in _RARE)
        and (" " not in joined or ("\n " not in joined and " \n" not in joined))
        and (joined.isascii() or not any(space in joined for space in _SPACES))
    )
