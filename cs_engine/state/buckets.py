"""Token buckets: how much of each rate is left."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.journey.rates import Bucket
from cs_engine.state import schema
from cs_engine.state.database import Tx

_FULL = -1.0
"""The tokens of a bucket that nothing was ever taken of: the row is there to be locked."""


def locked(tx: Tx, keys: Collection[str]) -> dict[str, Bucket]:
    """Those of these keys that something was taken of. Nobody else reads them so until the transaction ends."""
    if not tx.embedded:
        tx.upsert(schema.buckets, Bucket._fields, [(key, _FULL, 0) for key in sorted(keys)], "ON CONFLICT DO NOTHING")
    rows = tx.rows(f"SELECT key, tokens, at FROM buckets WHERE {tx.among('key', 'keys')} ORDER BY key{tx.lock_rows}", keys=tx.ids(keys))
    return {row[0]: Bucket(*row) for row in rows if row[1] != _FULL or row[2]}


def put(tx: Tx, buckets: Sequence[Bucket]) -> None:
    """Puts them as they are now."""
    again = "ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at = excluded.at"
    tx.upsert(schema.buckets, Bucket._fields, sorted(buckets), again)
