"""The store's contract: the schema and its migrations, what holds of both databases, copies, and what `doctor` is told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, CheckConstraint, event, inspect

from cs_engine.errors import SettingsError
from cs_engine.journey.message import NewMessage
from cs_engine.ports import ContactRow, Store
from cs_engine.state import SqlStore, migrations, open_store, schema
from cs_engine.state.database import RowRefused
from cs_engine.state.doctor import has_reset_race
from cs_engine.state.store import copy_store
from tests.contracts.state_rows import DAY, DIGEST, NOW, PLAYBOOK, at_schema, claimed, entered, events, standing


def test_it_is_a_store(store: SqlStore) -> None:
    protocol: Store = store
    missing = [name for name in vars(Store) if not name.startswith("_") and not hasattr(protocol, name)]
    assert missing == []


def test_the_migrations_make_the_tables_that_the_code_sees(store: SqlStore) -> None:
    with store.database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), schema.metadata) == []


def test_constraints_and_partial_indexes_are_those_of_the_schema(store: SqlStore) -> None:
    """Autogeneration compares neither checks nor the conditions of indexes."""
    found, dialect = inspect(store.database.engine), store.database.engine.dialect.name
    for table in schema.metadata.tables.values():
        checks = {check.name for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in found.get_check_constraints(table.name)} == checks
        partial = {index.name for index in table.indexes if index.dialect_options[dialect].get("where") is not None}
        indexes = found.get_indexes(table.name)
        assert {index["name"] for index in indexes if f"{dialect}_where" in index.get("dialect_options", {})} == partial


def test_instants_are_64_bit_integers(store: SqlStore) -> None:
    found = inspect(store.database.engine)
    for table in schema.metadata.tables:
        for column in found.get_columns(table):
            if column["name"].endswith(("_at", "_until")) or column["name"] in ("at", "until", "now", "since"):
                assert isinstance(column["type"], BigInteger), (table, column["name"])


def test_the_newest_migration_is_the_one_that_the_code_wants() -> None:
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == schema.HEAD


def test_a_database_that_is_up_to_date_needs_no_alembic(url: str) -> None:
    code = (
        "import sys; from cs_engine.state import open_store; store = open_store(sys.argv[1]); store.migrate();"
        "print('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False"]


def test_two_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with open_store(url) as own:
                own.migrate()
                own.suppress(str(threading.get_ident()), "", NOW)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/state.db") as store:
        store.migrate()
        with store.database.write() as tx:
            tx.run("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SettingsError, match="9999"):
            store.migrate()
        assert store.doctor_facts().schema == "9999"


def test_what_raises_leaves_nothing(store: SqlStore) -> None:
    twice = "INSERT INTO suppressions (email_hash, reason, suppressed_at) VALUES ('h', '', 1)"
    with pytest.raises(RowRefused), store.database.write() as tx:
        assert [tx.run(twice), tx.run(twice)] == [1, 1]
    assert store.suppress("h", "", NOW)


def test_errors_hold_no_personal_data(store: SqlStore) -> None:
    broken = ContactRow("con_1", None, "ken@example.jp", "h", "Ken", "", "", "", None)  # type: ignore[arg-type]
    with pytest.raises(RowRefused, match="account_id") as raised:
        store.put_people([], [broken])
    assert "ken@example.jp" not in "".join(traceback.format_exception(raised.value))


def test_sqlite_survives_a_power_cut_and_takes_the_write_lock_at_once(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/below/state.db") as store:
        store.migrate()
        with store.database.read() as tx:
            assert tx.rows("PRAGMA journal_mode") == [("wal",)]
            assert tx.rows("PRAGMA synchronous") == [(2,)]
            assert tx.rows("PRAGMA foreign_keys") == [(1,)]
        other = sqlite3.connect(tmp_path / "below/state.db", timeout=0, isolation_level=None)
        try:
            with store.database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            with store.database.read():
                other.execute("BEGIN IMMEDIATE")
        finally:
            other.close()


def test_a_store_in_memory_is_one_database_for_all_threads() -> None:
    with open_store("sqlite://") as store:
        store.migrate()
        threads = [threading.Thread(target=store.commit, args=(entered(str(n)), NOW)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.counts().planned == 8


@pytest.mark.parametrize("url", ["", "state.db", "mysql://host/db", "postgresql+psycopg://no-such-socket/db?host=/nowhere"])
def test_a_database_that_cannot_be_is_named_with_a_mend(url: str) -> None:
    with pytest.raises(SettingsError) as refused, open_store(url) as store:
        store.migrate()
    assert "CS_ENGINE_DATABASE_URL" in refused.value.mend


def test_a_password_is_not_told() -> None:
    with pytest.raises(SettingsError) as refused, open_store("postgresql+psycopg://me:secret@/db?host=/nowhere") as store:
        store.migrate()
    assert "secret" not in str(refused.value)


def test_a_copy_holds_everything_and_nobody_holds_its_tick(store: SqlStore, url: str, tmp_path: Path) -> None:
    store.register_plan(PLAYBOOK, DIGEST, "source", NOW)
    store.commit(entered("1", "2"), NOW)
    claimed(store, limit=1)
    store.begin_tick(NOW, "another:1:1")
    with open_store(f"sqlite:///{tmp_path}/copy.db") as copied:
        copied.migrate()
        copy_store(url, copied)
        assert copied.counts() == store.counts()
        assert standing(copied) == standing(store)
        assert events(copied) == events(store)
        assert copied.playbooks() == store.playbooks()
        assert copied.last_tick() == NOW
        assert not copied.begin_tick(NOW + DAY, "this:2:2").repeat
        copied.commit(entered("3"), NOW)
        assert store.counts().planned == 2


def test_a_copy_of_a_database_that_is_not_there_is_empty_and_makes_none(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/copy.db") as copied:
        copied.migrate()
        copy_store(f"sqlite:///{tmp_path}/none/state.db", copied)
        assert copied.counts().planned == 0
    assert not (tmp_path / "none").exists()


def test_the_doctor_is_told_the_schema(store: SqlStore) -> None:
    facts = store.doctor_facts()
    assert (facts.schema, facts.head) == (schema.HEAD, schema.HEAD)
    assert facts.database.startswith(("SQLite 3.", "PostgreSQL 1"))


def test_the_doctor_is_told_of_tables_that_are_not_there(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/state.db") as store:
        assert "not made yet" in store.doctor_facts().warnings[0][0]


@pytest.mark.parametrize(
    ("version", "races"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_sqlite_versions_with_the_wal_reset_race(version: tuple[int, int, int], races: bool) -> None:
    assert has_reset_race(version) is races


def test_people_are_replaced_by_sets_not_one_by_one(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    contacts = [ContactRow(f"con_{n:06}", "acc_1", f"{n}@x.example", f"h{n}", "Ada", "", "", "", None) for n in range(10_000)]
    again = another()
    statements: list[str] = []
    for database in (store.database, again.database):
        event.listen(database.engine, "before_cursor_execute", lambda _connection, _cursor, sql, *_: statements.append(sql))
    store.put_people([], contacts)
    again.put_people([], contacts[1:])
    assert 4 < len(statements) < 60
    with store.database.read() as tx:
        assert tx.rows("SELECT count(*), min(id) FROM contacts") == [(9_999, "con_000001")]


def test_messages_sent_before_the_caps_count_by_the_tick_that_settled_them(tmp_path: Path) -> None:
    """A database of the first schema goes on: accepted, dispatching and uncertain messages keep counting, others have no time."""
    with open_store(f"sqlite:///{tmp_path}/old.db") as store:
        with store.database.write() as tx:
            at_schema(tx, "0001")
            columns = ("id", "state", "settled_at", "moved_at", "lease_until")
            for row in (("a", "accepted", 5, 5, None), ("d", "dispatching", None, 6, 9), ("u", "uncertain", None, 7, None),
                        ("p", "planned", None, 3, None), ("r", "rejected", 4, 4, None)):  # fmt: skip
                values = dict.fromkeys(NewMessage._fields, "") | {"priority": 50, "planned_at": 1} | dict(zip(columns, row, strict=True))
                tx.run(f"INSERT INTO messages ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})", **values)
        store.migrate()
        with store.database.read() as tx:
            assert dict(tx.rows("SELECT id, sent_at FROM messages")) == {"a": 5, "d": 6, "u": 7, "p": None, "r": None}
