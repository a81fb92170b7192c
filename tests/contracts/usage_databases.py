"""The small worlds of usage_world, in databases and in folders named by day."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg
from psycopg import sql

from cs_engine.playbook.config import ProjectConfig
from tests.contracts.usage_world import Account, Contact, Event, World, as_parquet, config_of, write

URL = "WORLD_URL"
"""The variable that holds PostgreSQL's address."""
KINDS = {"signed_up_at": "timestamptz", "created_at": "timestamptz", "occurred_at": "timestamptz", "seats": "integer", "amount": "numeric"}


def in_databases(config: ProjectConfig, database: dict[str, str], prefix: str = "", **usage: Any) -> ProjectConfig:
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    sources = plain["sources"]
    for name in ("accounts", "contacts", "usage"):
        kept = {key: value for key, value in sources[name].items() if key != "file"}
        sources[name] = kept | {"database": "world", "table": f"{prefix}{name}"}
    sources["usage"] |= usage
    return ProjectConfig.model_validate(plain | {"sources": sources | {"databases": {"world": database}}})


def write_by_day(folder: Path, world: World) -> ProjectConfig:
    """Usage in folders named by day, as Spark writes it."""
    config = write(folder, world, "parquet")
    (folder / "data/usage.parquet").unlink()
    for day in {event.occurred_at.astimezone(UTC).date() for event in world.events}:
        events = [event for event in world.events if event.occurred_at.astimezone(UTC).date() == day]
        part = folder / f"data/usage/day={day}"
        part.mkdir(parents=True)
        as_parquet(part / "part-0.parquet", events, Event._fields)
        (part / "_SUCCESS").touch()
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["usage"]["file"] = "data/usage/**/*.parquet"
    return ProjectConfig.model_validate(plain)


def write_duckdb(folder: Path, world: World) -> ProjectConfig:
    (folder / "data").mkdir(exist_ok=True)
    with duckdb.connect(str(folder / "data/product.duckdb")) as db:
        for name, fields, rows in _tables(world):
            shape = ", ".join(f"{field} {KINDS.get(field, 'text').replace('numeric', 'double')}" for field in fields)
            db.execute(f"CREATE TABLE {name} ({shape})")
            if rows:
                db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(fields))})", [list(row) for row in rows])
    return in_databases(config_of(world.zone, id="event_id"), {"duckdb": "data/product.duckdb"})


class Postgres:
    """A schema of its own in a real PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.schema = f"w{uuid.uuid4().hex[:10]}"
        self.run(f"CREATE SCHEMA {self.schema}")

    def run(self, statement: str, rows: Sequence[Sequence[Any]] = ()) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {self.schema}" if not statement.startswith("CREATE SCHEMA") else "SELECT 1")
            if rows:
                connection.cursor().executemany(statement, rows)
            else:
                connection.execute(sql.SQL(statement))

    def write(self, world: World, **usage: Any) -> ProjectConfig:
        for name, fields, rows in _tables(world):
            self.run(f"CREATE TABLE {name} ({_shape(fields)})")
            self.add(name, rows)
        return in_databases(config_of(world.zone, id="event_id"), {"url": f"${{{URL}}}"}, f"{self.schema}.", **usage)

    def add(self, name: str, rows: Sequence[NamedTuple]) -> None:
        if rows:
            self.run(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)


def _tables(world: World) -> list[tuple[str, tuple[str, ...], Sequence[NamedTuple]]]:
    return [
        ("accounts", Account._fields, world.accounts),
        ("contacts", Contact._fields, world.contacts),
        ("usage", Event._fields, world.events),
    ]


def _shape(fields: Sequence[str]) -> str:
    return ", ".join(f"{field} {KINDS.get(field, 'text')}" for field in fields)
