"""Which ids of events are there already: looked for among all without reading these.

The numbers of a large segment's ids lie beside it in their order, made when they are first asked for, and before them a bit for each of
many cells that tells whether a number falls into it (a Bloom filter): so most that are new are told at once, and looking for the others
reads what is near them. Two texts may share a number: the texts themselves are compared of those alone whose numbers are there.

Numbers are digests, spread evenly: to be put in order they are shared out by their first bits, so that few are in memory at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

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
_CELLS = 16
"""For each id, at least. One in a hundred is looked for in vain, then; with half as many, one in twenty-five."""
_BITS = 64
_DIGEST = "ids-marked"

Ids = NDArray[np.uint64]


def numbers(db: duckdb.DuckDBPyConnection, table: str) -> Ids:
    """The numbers of the ids of good rows of that table, in order."""
    number = segments.ID_NUMBER.format("id")
    found = db.execute(f'SELECT {number} AS "#id" FROM {quoted(table)} WHERE "#fault" IS NULL AND id IS NOT NULL').fetchnumpy()
    return np.sort(np.asarray(found["#id"], np.uint64))


@contextmanager
def looked_for(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids) -> Iterator[Callable[[], str]]:
    """Begins to look for these ids, beside what the caller does meanwhile; gives what says in the end what `unseen` does."""
    if "id" not in usage.physical.get(source, ()):
        yield lambda: "true"
        return
    large = [segment for segment in usage.segments[source] if segment.rows >= _ORDERED_FROM]
    ordered = [_ordered(db, usage, source, segment) for segment in large]
    with ThreadPoolExecutor(1) as beside:  # numpy lets go of the interpreter while it looks
        shared = beside.submit(lambda: [_shared(ids, file) for file in ordered])
        yield lambda: _unseen(db, usage, source, ids, dict(zip(large, shared.result(), strict=True)))


def unseen(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids) -> str:
    """SQL over `t`, rows with these numbers, of whether their id is not in the set already."""
    with looked_for(db, usage, source, ids) as found:
        return found()


def _unseen(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, ids: Ids, found: Mapping[Segment, Ids]) -> str:
    """The same. `found`: those of them that each large segment has."""
    where, shared = [segment for segment, some in found.items() if len(some)], [*found.values()]
    small = [segment for segment in usage.segments[source] if segment not in found]
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
    kept = list(pages.read(ordered))
    shares = len(kept) // 2
    bits = shares.bit_length() - 1
    starts = np.arange(1, shares, dtype=np.uint64) << np.uint64(_BITS - bits)
    edges = [0, *ids.searchsorted(starts).tolist(), len(ids)]
    found = [ids[:0]]
    for (marks,), (there,), (first, end) in zip(kept[::2], kept[1::2], pairwise(edges), strict=True):
        some = _marked(ids[first:end], marks, bits)
        found.append(some[there.take(there.searchsorted(some), mode="clip") == some])
    return np.concatenate(found)


def _marked(ids: Ids, marks: NDArray[np.uint8], bits: int) -> Ids:
    """Those of a share that may be there: both their cells are marked."""
    for low in _lows(8 * len(marks), bits):
        cells = _cells(ids, low, 8 * len(marks))
        ids = ids[marks[cells >> 3] >> (cells & 7).astype(np.uint8) & 1 == 1]
    return ids


def _lows(cells: int, bits: int) -> tuple[int, int]:
    """The lowest bits of an id's two cells among so many: of one that follows the order of the ids, so that looking into most is quick,
    and of one that hangs on it no more. `bits`: how many are the same in the whole share.
    """
    return _BITS - bits - cells.bit_length() + 1, 0


def _cells(ids: Ids, low: int, many: int) -> NDArray[np.int64]:
    return (ids >> np.uint64(low)).view(np.int64) & (many - 1)


def _put(file: BinaryIO, ids: Ids, bits: int, cells: int) -> None:
    """Appends a share: its marks, and its ids in their order."""
    marked = np.zeros(cells, np.bool_)
    for low in _lows(cells, bits):
        marked[_cells(ids, low, cells)] = True
    pages.write(file, np.packbits(marked, bitorder="little")[np.newaxis])
    pages.write(file, np.sort(ids)[np.newaxis])


def _ordered(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, segment: Segment) -> Path:
    """The file that has the segment's ids in order, made where it is not there."""
    file = usage.numbers(segment, _DIGEST)
    if file.exists():
        return file
    aside = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
    bits = max(0, -(-segment.rows // _AT_ONCE) - 1).bit_length()
    cells = 1 << (_CELLS * segment.rows >> bits).bit_length()
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
                _put(opened, np.frombuffer(share.read(), np.uint64), bits, cells)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    return file
