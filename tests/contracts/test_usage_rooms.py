"""Databases that share an engine know nothing of each other, and those for facts reach nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cs_engine.sources.duck import facts_room, reading_room


def test_two_at_once_have_tables_variables_and_a_zone_of_their_own() -> None:
    with reading_room("Asia/Tokyo") as one, reading_room("UTC") as other:
        for db, value in ((one, 1), (other, 2)):
            db.execute(f"CREATE TABLE t AS SELECT {value} AS x; SET VARIABLE v = {value}")
        asked = "SELECT x, getvariable('v'), current_setting('TimeZone') FROM t"
        assert [db.execute(asked).fetchall() for db in (one, other)] == [[(1, 1, "Asia/Tokyo")], [(2, 2, "UTC")]]


def test_closed_it_is_gone_even_after_a_failure() -> None:
    with pytest.raises(duckdb.CatalogException), reading_room("UTC") as db:
        db.execute("BEGIN; CREATE TABLE t AS SELECT 1 AS x; SELECT * FROM nowhere")
    with reading_room("UTC") as db:
        rooms = db.execute("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'room%'").fetchall()
        assert (rooms, db.execute("SELECT count(*) FROM duckdb_tables()").fetchall()) == ([(1,)], [(0,)])


def test_facts_reach_files_of_their_own_folder_alone_and_nobody_changes_that(tmp_path: Path) -> None:
    with reading_room("UTC") as db:
        for folder in ("mine", "theirs"):
            (tmp_path / folder).mkdir()
            db.execute(f"COPY (SELECT 1 AS x) TO '{tmp_path}/{folder}/x.parquet' (FORMAT parquet)")
    for _ in range(2):  # the second is in the engine of the first
        room = facts_room(tmp_path / "mine", "Asia/Tokyo")
        read = "SELECT x, current_setting('TimeZone') FROM '{}/{}/x.parquet'"
        assert room.db.execute(read.format(tmp_path, "mine")).fetchall() == [(1, "Asia/Tokyo")]
        with pytest.raises(duckdb.PermissionException):
            room.db.execute(read.format(tmp_path, "theirs"))
        with pytest.raises(duckdb.PermissionException):
            room.db.execute(f"ATTACH '{tmp_path}/theirs/new.db'")
        for setting in ("enable_external_access = true", "allowed_directories = ['/']", "TimeZone = 'UTC'", "lock_configuration = false"):
            with pytest.raises(duckdb.InvalidInputException, match="locked"):
                room.db.execute(f"SET {setting}")
        room.close()
        room.close()
