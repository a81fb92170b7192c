"""Which ids of events are there already: looked for among all without reading these.

The numbers of a large segment's ids lie beside it in their order, made when they are first asked for, so that looking for some reads
what is near them. Two texts may share a number: the texts themselves are compared of those alone whose numbers are there.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.sources.sets import pages, segments
from cs_engine.sources.sets.snapshot import Segment, UsageSet
from cs_engine.sources.sql import quoted

_ORDERED_FROM = 200_000
"""In a segment with fewer events than this, ids are looked for by reading them."""
_AT_ONCE = 50_000_000
"""Ids that are put in order together: 8 bytes each. Where there are more, they lie in several orders."""
_DIGEST = "ids"

Ids = NDArray[np.uint64]


def numbers(db: duckdb.DuckDBPyConnection, table: str) -> Ids:
    """The numbers of the ids of good rows of that table, in order."""
    number = segments.ID_NUMBER.format("id")
    found = db.execute(f'SELECT {number} AS "#id" FROM {quoted(table)} WHERE "#fault" IS NULL AND id IS NOT NULL').fetchnumpy()
    return np.sort(np.asarray(found["#id"], np.uint64))


def unseen(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids) -> str:
    """SQL over `t`, rows with these numbers, of whether their id is not in the set already."""
    if "id" not in usage.physical.get(source, ()):
        return "true"
    there = usage.segments[source]
    large = [segment for segment in there if segment.rows >= _ORDERED_FROM]
    alike = [_shared(ids, _ordered(db, usage, source, segment)) for segment in large]
    where = [segment for segment, shared in zip(large, alike, strict=True) if len(shared)]
    where += [segment for segment in there if segment.rows < _ORDERED_FROM]
    if not where:
        return "true"
    db.register("asked", {"#id": ids})
    events = f"({segments.relation(usage, source, where)})"
    db.execute(f'CREATE OR REPLACE TABLE alike AS SELECT DISTINCT e."#id" FROM {events} AS e SEMI JOIN asked USING ("#id")')
    db.unregister("asked")
    if not db.execute("SELECT count(*) FROM alike").fetchall()[0][0]:
        return "true"
    db.execute(f'CREATE OR REPLACE TABLE already AS SELECT DISTINCT e.id FROM {events} AS e SEMI JOIN alike USING ("#id")')
    return "(t.id IS NULL OR t.id NOT IN (SELECT id FROM already))"


def _shared(ids: Ids, ordered: Path) -> Ids:
    """Those of the sorted ids that are among the ordered."""
    found = [np.zeros(0, np.uint64)]
    for (there,) in pages.read(ordered):
        if len(there):
            places = np.minimum(np.searchsorted(there, ids), len(there) - 1)
            found.append(ids[there[places] == ids])
    return np.concatenate(found)


def _ordered(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, segment: Segment) -> Path:
    """The file that has the segment's ids in order, made where it is not there."""
    file = usage.numbers(segment, _DIGEST)
    if file.exists():
        return file
    aside = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
    try:
        with aside.open("wb") as opened:
            ids, n = np.empty(min(segment.rows, _AT_ONCE), np.uint64), 0
            for part in segments.parts(usage, source, segment):
                some = np.asarray(db.execute(f'SELECT "#id" FROM ({part}) WHERE "#id" IS NOT NULL').fetchnumpy()["#id"], np.uint64)
                if n + len(some) > len(ids):
                    pages.write(opened, np.sort(ids[:n])[np.newaxis])
                    ids, n = ids if len(some) <= len(ids) else np.empty(len(some), np.uint64), 0
                ids[n : n + len(some)] = some
                n += len(some)
            ids[:n].sort()
            pages.write(opened, ids[np.newaxis, :n])
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    return file
