"""Which ids of events are there already: looked for among all without reading these.

The numbers of a large segment's ids lie beside it in their order, made when they are first asked for, so that looking for some reads
what is near them. Two texts may share a number: the texts themselves are compared of those alone whose numbers are there.

Numbers are digests, spread evenly: to be put in order they are shared out by their first bits, so that few are in memory at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.sources.sets import pages, segments
from cs_engine.sources.sets.snapshot import Segment, UsageSet
from cs_engine.sources.sql import quoted

_ORDERED_FROM = 200_000
"""In a segment with fewer events than this, ids are looked for by reading them."""
_AT_ONCE = 4_000_000
"""Ids that are put in order together: 8 bytes each. Where there are more, they lie in several pages, one after the other."""
_BLOCK = 16_384
"""Ids that are looked through together: they stay near the processor meanwhile."""
_TOGETHER = 2
"""Segments that are looked through at once."""
_BITS = 64
_DIGEST = "ids"

Ids = NDArray[np.uint64]


def numbers(db: duckdb.DuckDBPyConnection, table: str) -> Ids:
    """The numbers of the ids of good rows of that table, in order."""
    number = segments.ID_NUMBER.format("id")
    found = db.execute(f'SELECT {number} AS "#id" FROM {quoted(table)} WHERE "#fault" IS NULL AND id IS NOT NULL').fetchnumpy()
    return np.sort(np.asarray(found["#id"], np.uint64))


@contextmanager
def looked_for(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids) -> Iterator[Callable[[], str]]:
    """Begins to look for these ids, beside what the caller does meanwhile; gives what `unseen` says of them, once it is asked."""
    there = usage.segments[source] if "id" in usage.physical.get(source, ()) else ()
    large = [segment for segment in there if segment.rows >= _ORDERED_FROM]
    small = [segment for segment in there if segment.rows < _ORDERED_FROM]
    ordered = [_ordered(db, usage, source, segment) for segment in large]
    with ThreadPoolExecutor(_TOGETHER) as threads:  # numpy lets go of the interpreter while it searches
        looking = [threads.submit(_shared, ids, file) for file in ordered]
        yield lambda: _unseen(db, usage, source, ids, large, [one.result() for one in looking], small)


def unseen(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids) -> str:
    """SQL over `t`, rows with these numbers, of whether their id is not in the set already."""
    with looked_for(db, usage, source, ids) as found:
        return found()


def _unseen(
    db: duckdb.DuckDBPyConnection,
    usage: UsageSet,
    source: str,
    ids: Ids,
    large: Sequence[Segment],
    shared: list[Ids],
    small: Sequence[Segment],
) -> str:  # fmt: skip
    where = [segment for segment, some in zip(large, shared, strict=True) if len(some)]
    if small:
        db.register("asked", {"#id": ids})
        of_small = f'({segments.relation(usage, source, small)}) AS e SEMI JOIN asked USING ("#id")'
        shared.append(np.asarray(db.execute(f'SELECT DISTINCT e."#id" FROM {of_small}').fetchnumpy()["#id"], np.uint64))
        where += small if len(shared[-1]) else []
        db.unregister("asked")
    if not where:
        return "true"
    db.register("alike", {"#id": np.unique(np.concatenate(shared))})
    events = f"({segments.relation(usage, source, where)})"
    db.execute(f'CREATE OR REPLACE TABLE already AS SELECT DISTINCT e.id FROM {events} AS e SEMI JOIN alike USING ("#id")')
    db.unregister("alike")
    return "(t.id IS NULL OR t.id NOT IN (SELECT id FROM already))"


def _shared(ids: Ids, ordered: Path) -> Ids:
    """Those of the sorted ids that are among the ordered."""
    found = [ids[:0]]
    for (page,) in pages.read(ordered):
        there: Ids = np.asarray(page)
        edges = np.concatenate([ids.searchsorted(there[::_BLOCK]), ids.searchsorted(there[-1:], "right")]).tolist()
        for i, (first, end) in enumerate(pairwise(edges)):
            block, some = there[i * _BLOCK : (i + 1) * _BLOCK], ids[first:end]
            found.append(some[block.take(block.searchsorted(some), mode="clip") == some])
    return np.concatenate(found)


def _ordered(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, segment: Segment) -> Path:
    """The file that has the segment's ids in order, made where it is not there."""
    file = usage.numbers(segment, _DIGEST)
    if file.exists():
        return file
    aside = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
    bits = max(0, -(-segment.rows // _AT_ONCE) - 1).bit_length()
    try:
        with aside.open("wb") as opened, ExitStack() as stack:
            shares = [stack.enter_context(TemporaryFile(dir=usage.folder)) for _ in range(1 << bits)]
            for part in segments.parts(usage, source, segment):
                some = np.asarray(db.execute(f'SELECT "#id" FROM ({part}) WHERE "#id" IS NOT NULL').fetchnumpy()["#id"], np.uint64)
                of = some >> np.uint64(_BITS - bits) if bits else np.zeros(len(some), np.uint64)
                for i, share in enumerate(shares):
                    share.write(some[of == i].tobytes())
            for share in shares:
                share.seek(0)
                ids = np.frombuffer(share.read(), np.uint64)
                pages.write(opened, np.sort(ids)[np.newaxis])
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    return file
