"""Scales the real sample up: N accounts that behave as the sample's do.

    python -m benchmarks.generate --accounts 100000 --events 5000000

Accounts are drawn from the sample with replacement, each with its contacts and its whole stream of events, under new ids, moved by up
to four whole weeks (week days, hours and gaps stay) and every change by up to half an hour. To meet `--events`, changes are dropped
or repeated at random, all areas of a change together. The same arguments give the same data. Written as Parquet, in order
of time, to benchmarks/.data/<accounts>-<events>/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "data" / "contributions"


def generate(accounts: int, events: int, folder: Path | None = None) -> Path:
    """Writes accounts.parquet, contacts.parquet and usage_events.parquet, unless they are there, and tells where."""
    folder = folder or HERE / ".data" / f"{accounts}-{events}"
    done = folder / "done"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "working.duckdb")) as db:
        db.execute("SET TimeZone = 'UTC'; SET memory_limit = '3GB'; SET enable_progress_bar = false")
        for name in ("accounts", "contacts", "usage_events"):
            db.execute(f"CREATE OR REPLACE TABLE real_{name} AS FROM read_csv('{SAMPLE / name}.csv.gz', all_varchar = true)")
        _draw(db, accounts)
        _write(db, "accounts", _ACCOUNTS, folder)
        _write(db, "contacts", _CONTACTS, folder)
        row = db.execute("SELECT count(*) FROM drawn JOIN real_usage_events USING (account_id)").fetchone()
        assert row is not None
        _write(db, "usage_events", _EVENTS.format(copies=events / row[0]), folder)
    for left in folder.glob("working*"):
        left.unlink()
    done.touch()
    return folder


def _draw(db: duckdb.DuckDBPyConnection, accounts: int) -> None:
    db.execute(
        "CREATE OR REPLACE TABLE drawn AS SELECT i, account_id, 'acc_' || substr(md5('account ' || i), 1, 12) AS new_id, "
        "to_days(7 * CAST(hash(i, 'weeks') % 9 AS INTEGER) - 28) AS moved FROM range(?) AS r(i) "
        "JOIN (SELECT account_id, row_number() OVER () - 1 AS n FROM real_accounts) "
        "ON n = hash(i, 'account') % (SELECT count(*) FROM real_accounts)",
        [accounts],
    )


def _write(db: duckdb.DuckDBPyConnection, name: str, select: str, folder: Path) -> None:
    db.execute(f"COPY ({select}) TO '{folder / name}.parquet' (FORMAT parquet)")


_ACCOUNTS = """
SELECT new_id AS account_id, 'Account ' || upper(substr(new_id, 5, 6)) AS name, plan,
       CAST(signed_up_at AS TIMESTAMPTZ) + moved AS signed_up_at, country, locale, timezone, csm_email, CAST(seats AS BIGINT) AS seats
FROM drawn JOIN real_accounts USING (account_id) ORDER BY i
"""

_CONTACTS = """
SELECT 'con_' || substr(md5(i || c.contact_id), 1, 14) AS contact_id, new_id AS account_id,
       substr(md5(i || c.contact_id), 1, 14) || '@customer.example' AS email, c.name, c.role, c.locale, c.timezone,
       CAST(c.created_at AS TIMESTAMPTZ) + moved AS created_at
FROM drawn JOIN real_contacts AS c USING (account_id) ORDER BY i
"""

# A change is (contact, time); its areas are its events and share its fate. `copies` may be below or above 1.
_EVENTS = """
WITH kept AS (
  -- An account's very first change is its sign-up: that one always stays.
  SELECT i, new_id, contact_id, event, CAST(occurred_at AS TIMESTAMPTZ) + moved AS moment, hash(i, contact_id, occurred_at) AS change,
         CAST(occurred_at AS TIMESTAMPTZ) = CAST(signed_up_at AS TIMESTAMPTZ) AS first,
         CAST(floor({copies}) AS BIGINT) + CAST(change % 1000000 < ({copies} - floor({copies})) * 1000000 AS BIGINT) AS kept,
         greatest(kept, CAST(first AS BIGINT)) AS n
  FROM drawn JOIN real_usage_events USING (account_id) JOIN real_accounts USING (account_id) WHERE n > 0
), placed AS (
  SELECT *, moment + to_seconds(CAST(hash(change, copy) % 3600 AS BIGINT) - 1800) AS placed_at
  FROM (SELECT *, unnest(range(n)) AS copy FROM kept)
)
SELECT substr(md5(concat_ws('/', change, copy, event)), 1, 20) AS event_id, new_id AS account_id,
       'con_' || substr(md5(i || contact_id), 1, 14) AS contact_id, event, placed_at AS occurred_at
FROM placed ORDER BY placed_at
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    given = parser.parse_args()
    print(generate(given.accounts, given.events))


if __name__ == "__main__":
    main()
