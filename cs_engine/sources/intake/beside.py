"""Further attributes, kept elsewhere, beside those of accounts and contacts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import duckdb

from cs_engine.errors import SyncStopped
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.sources import AttributesSource
from cs_engine.sources.sets import history
from cs_engine.sources.sql import listed, quoted

_KEYS = frozenset({"account", "contact", "learned_at"})
"""Names of its own that a source of attributes has; whoever wants them as attributes gives them another name there."""


class Joined(NamedTuple):
    note: str
    """What to say of it."""
    latest: int
    """When the latest row was learned, where rows say it; 0 for none."""


def names(name: str, source: AttributesSource, there: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
    """Column of the source -> the attribute that it becomes. Raises SyncStopped where two would have one name, or a column is missing."""
    have = [column for column in columns if column not in _KEYS]
    for wanted in source.columns:
        if wanted not in have:
            hint = did_you_mean(wanted, have) or f"it has {listed(have)}"
            raise SyncStopped(f'{name}: there is no column "{wanted}"; {hint}', f"correct `columns:` under sources.attributes.{name}")
    found = {column: f"{source.prefix}{column}" for column in have if not source.columns or column in source.columns}
    taken = {attribute.lower() for attribute in there}
    for column, attribute in found.items():
        if attribute.lower() in taken:
            whose = f"{source.people[:-1]}.{attribute}"
            raise SyncStopped(
                f'{name}: its column "{column}" would be {whose}, which is there already',
                f"write `prefix: {name}_`, or name the `columns` that you want, under sources.attributes.{name} in playbooks/project.yaml",
            )
    return found


def join(db: duckdb.DuckDBPyConnection, people: str, table: str, names: dict[str, str], *, told: bool) -> Joined:
    """Adds the attributes to the table of people, from the checked rows of `table`, which goes.

    `told`: rows say when they were learned; of one key the latest holds, and those before it are history.
    """
    key = "account" if people == "accounts" else "contact"
    order = f' QUALIFY row_number() OVER (PARTITION BY {quoted(key)}, learned_at ORDER BY "#file" DESC, "#line" DESC) = 1' if told else ""
    learned = "learned_at, " if told else ""
    rows = ", ".join(quoted(column) for column in names)
    db.execute(
        f'CREATE OR REPLACE TABLE beside AS SELECT {quoted(key)} AS "#key", {learned}row_number() OVER (ORDER BY "#file", "#line") '
        f'AS "#order", {rows} FROM {quoted(table)} WHERE "#fault" IS NULL{order}'
    )
    latest = ""
    if told:
        history.tell(db, people, "beside", names)
        latest = ' QUALIFY row_number() OVER (PARTITION BY "#key" ORDER BY learned_at DESC NULLS LAST, "#order" DESC) = 1'
    shown = listed(f"b.{quoted(column)} AS {quoted(attribute)}" for column, attribute in names.items())
    db.execute(
        f"CREATE TABLE joined AS SELECT p.*, {shown} FROM {people} AS p "
        f'LEFT JOIN (SELECT * FROM beside{latest}) AS b ON b."#key" = p.id ORDER BY p."#no"'
    )
    counted = db.execute(
        f'SELECT count(*) FILTER (id NOT IN (SELECT "#key" FROM beside)), count(*), '
        f'(SELECT count(DISTINCT "#key") FROM beside WHERE "#key" NOT IN (SELECT id FROM {people})) FROM {people}'
    ).fetchall()
    without, of, strange = (int(n) for n in counted[0])
    latest_at = db.execute("SELECT epoch_us(max(learned_at)) FROM beside").fetchall()[0][0] if told else None
    db.execute(f"DROP TABLE {people}")
    db.execute(f"ALTER TABLE joined RENAME TO {people}")
    db.execute(f"DROP TABLE {quoted(table)}; DROP TABLE beside")
    said = [f"{without:,} of {of:,} {people} have no row"] if without else []
    said += [f"{strange:,} of its {people} are not known"] if strange else []
    return Joined(", ".join(said), int(latest_at or 0))
