"""`unanswered_streak`: touches since somebody last opened, clicked, replied, answered, talked to us or used the product. In DuckDB.

Counted only when a condition or template asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from cs_engine.instants import Micros
from cs_engine.language.expression import Grain
from cs_engine.ports import Touched
from cs_engine.usage.facts_sql import streaks
from cs_engine.usage.windows_sql import Moment


def count_streaks(db: duckdb.DuckDBPyConnection, touched: Touched, moment: Moment, acts: str, *, late: bool) -> None:
    """Makes the tables `streaks(grain)`: "#row", n. `acts`: the relation of usage; `late`: it says when we learned of it.

    A contact's are the touches to it and its own reactions; an account's those of all its people, several at one moment counted once.
    """
    _given(db, "touched", touched.touches)
    _given(db, "reacted", touched.reactions)
    known = f' AND coalesce(e."learned_at", e."at") <= {moment.now_sql}' if late else ""
    db.execute(
        'CREATE TABLE answered AS SELECT account, contact, "at" FROM reacted UNION ALL '
        f'SELECT a.id, coalesce(c.id, \'\'), max(e."at") AS "at" FROM {acts} AS e JOIN src_accounts AS a '
        'ON a."#no" = e."#account" LEFT JOIN src_contacts AS c ON c."#no" = e."#contact" '
        f'WHERE e."at" <= {moment.now_sql} AND e."#day" >= (SELECT CAST(min("at") AS DATE) FROM touched) '
        f"AND a.id IN (SELECT account FROM touched){known} GROUP BY ALL"
    )
    for grain, subject, counted in ((Grain.ACCOUNT, "account", 'DISTINCT t."at"'), (Grain.CONTACT, "contact", "*")):
        db.execute(
            f'CREATE TABLE {streaks(grain)} AS SELECT f."#row", count({counted}) AS n FROM touched AS t '
            f'JOIN {grain.table} AS f ON f."{grain.value}.id" = t.{subject} '
            f'LEFT JOIN (SELECT {subject}, max("at") AS last FROM answered GROUP BY {subject}) AS r ON r.{subject} = t.{subject} '
            'WHERE r.last IS NULL OR t."at" > r.last GROUP BY f."#row"'
        )
    for table in ("touched", "reacted", "answered"):
        db.execute(f"DROP TABLE {table}")


def _given(db: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[str, str, Micros]]) -> None:
    accounts, contacts, at = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"account": np.array(accounts, object), "contact": np.array(contacts, object), "at": np.array(at, "datetime64[us]")}
    db.register("given", columns)
    shown = 'CAST(account AS VARCHAR) AS account, CAST(contact AS VARCHAR) AS contact, timezone(\'UTC\', "at") AS "at"'
    db.execute(f"CREATE TABLE {name} AS SELECT {shown} FROM given")
    db.unregister("given")
