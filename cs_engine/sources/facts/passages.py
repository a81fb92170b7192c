"""Facts of passages: each one's subject beside what was kept when it began. In the database of one tick's facts, set-wise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import NEVER, NO_TIME
from cs_engine.language.expression import OF_PASSAGE, Expression, Grain, Type
from cs_engine.language.scope import pointer
from cs_engine.ports import Mask, Rows
from cs_engine.sources.facts.tables import Tables
from cs_engine.sources.sql import iso, listed, quoted, text
from cs_engine.usage.answers import said


class DuckdbPassages:
    """Implements `ports.PassageFacts`. What fails on some value is blank, or false, there."""

    def __init__(self, tables: Tables, grain: Grain, rows: Rows, kept: Sequence[str], likely: Sequence[Expression] = ()) -> None:
        self._tables, self._grain = tables, grain
        self._rows = np.asarray(rows, np.int64)
        self._kept = np.array([one or "{}" for one in kept], dtype=object)
        self._masks: dict[str, Mask] = {}
        self._likely = likely

    def holds(self, condition: Expression) -> Mask:
        if condition.sql not in self._masks and condition in self._likely:
            self._hold_together()
        if condition.sql not in self._masks:
            self._masks[condition.sql] = self._column(condition, _held(condition), False).astype(np.bool_)
        return self._masks[condition.sql]

    def times(self, expression: Expression) -> Rows:
        return self._column(expression, f"coalesce(epoch_us(TRY({expression.sql})), {NO_TIME})", NEVER).astype(np.int64)

    def texts(self, expression: Expression) -> list[str]:
        value = f"TRY({expression.sql})"
        shown = iso(value) if expression.type is Type.INSTANT else f"CAST({value} AS VARCHAR)"
        return list(self._column(expression, f"coalesce({shown}, '')", ""))

    def seen(self, expression: Expression, which: Rows) -> list[str]:
        parts = []
        for name in expression.names:
            if name.startswith(OF_PASSAGE):
                value = f'json_extract("#kept", {pointer(name)})'
            else:
                value = iso(quoted(name)) if self._tables.type_of(self._grain, name) is Type.INSTANT else quoted(name)
            parts.append(f"{text(said(name))}, {value}")
        return list(self._column(expression, f"CAST(json_object({listed(parts)}) AS VARCHAR)", "")[which])

    def contacts(self, condition: Expression) -> tuple[Rows, Rows]:
        nobody = np.zeros(0, np.int64)
        if not self._ready(condition):
            return nobody, nobody
        accounts = self._rows
        if self._grain is Grain.CONTACT:
            there = self._rows >= 0
            accounts = np.full(len(self._rows), -1)
            accounts[there] = self._tables.account_of_contact()[self._rows[there]]
        with self._given(accounts):
            sql = (
                f'SELECT "#i", "#row" FROM (SELECT p."#i", p."#kept", f.* FROM passages AS p JOIN contact_facts AS f '
                f'ON f."#account_row" = p."#at") WHERE coalesce(TRY({condition.sql}), false) ORDER BY 1, 2'
            )
            found = self._fetched(condition, lambda: self._tables.db.execute(sql).fetchnumpy())
        return (nobody, nobody) if found is None else (found["#i"].astype(np.int64), found["#row"].astype(np.int64))

    def _hold_together(self) -> None:
        """Asks once for all that will likely be asked for: laying passages beside their subjects costs more than a condition. Where one
        of them fails it is each for itself.
        """
        together, self._likely = {c.sql: c for c in self._likely if self._sound(c)}, ()
        for condition in together.values():
            self._ready(condition)
        if together:
            with self._given(self._rows), suppress(duckdb.Error):
                found = self._tables.db.execute(self._beside(f'{_held(c)} AS "#{i}"' for i, c in enumerate(together.values()))).fetchnumpy()
                self._masks |= {sql: np.asarray(found[f"#{i}"]).astype(np.bool_) for i, sql in enumerate(together)}

    def _column(self, expression: Expression, shown: str, lost: object) -> NDArray[Any]:
        """One value a passage, in their order; `lost` for all when it cannot be asked."""
        if not self._ready(expression):
            return np.full(len(self._rows), lost, dtype=object)
        with self._given(self._rows):
            sql = self._beside([f'{shown} AS "#shown"'])
            found = self._fetched(expression, lambda: self._tables.db.execute(sql).fetchnumpy())
        return np.full(len(self._rows), lost, dtype=object) if found is None else np.asarray(found["#shown"])

    def _beside(self, shown: Iterable[str]) -> str:
        """SELECT of these values of each passage, in their order."""
        return (
            f'SELECT {listed(shown)} FROM (SELECT p."#i", p."#kept", f.* FROM passages AS p LEFT JOIN {self._grain.table} AS f '
            f'ON f."#row" = p."#at") ORDER BY "#i"'
        )

    def _sound(self, expression: Expression) -> bool:
        return self._tables.readable(expression.grain, _of_facts(expression))

    def _ready(self, expression: Expression) -> bool:
        """Whether all that it reads of the facts is there; makes it so."""
        if not self._sound(expression):
            self._tables.fail(expression.text, None)
            return False
        self._tables.need(expression.grain, _of_facts(expression))
        self._tables.tell(expression.sql)
        return True

    def _fetched(self, expression: Expression, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except duckdb.Error as error:
            self._tables.fail(expression.text, error)
            return None

    @contextmanager
    def _given(self, at: Rows) -> Iterator[None]:
        db = self._tables.db
        db.register("passages", {"#i": np.arange(len(at)), "#at": at, "#kept": self._kept})
        try:
            yield
        finally:
            db.unregister("passages")


def _held(condition: Expression) -> str:
    return f"coalesce(TRY({condition.sql}), false)"


def _of_facts(expression: Expression) -> list[str]:
    """The names that it reads of its subject, not of the passage."""
    return [name for name in expression.names if not name.startswith(OF_PASSAGE)]
