"""What benchmarks of the web share: the web in a process of its own, who posts to it, and the floor of bare INSERTs."""

from __future__ import annotations

import http.client
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import copytree
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cs_engine.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
Post = tuple[str, bytes, dict[str, str]]
"""Path, body, headers."""


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what it gave."""
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def shipped(folder: Path) -> None:
    """Copies the shipped project there."""
    for part in ("playbooks", "templates", "data"):
        copytree(ROOT / part, folder / part)


def bare_inserts(file: Path, batches: Sequence[Sequence[tuple[Any, ...]]]) -> float:
    """Seconds for the rows, a transaction a batch, without a server or an index."""
    columns = len(batches[0][0])
    with sqlite3.connect(file, isolation_level=None) as bare:
        for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL"):
            bare.execute(f"PRAGMA {pragma}")
        bare.execute(f"CREATE TABLE rows ({', '.join(f'c{n}' for n in range(columns))})")
        insert = f"INSERT INTO rows VALUES ({', '.join('?' * columns)})"

        def work() -> None:
            for rows in batches:
                bare.execute("BEGIN IMMEDIATE")
                bare.executemany(insert, rows)
                bare.execute("COMMIT")

        return timed(work)[0]


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[str]:
    """The web of the project there in a process of its own; its address."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(folder, settings, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join(20)


def _serve(folder: Path, settings: dict[str, Any], told: Connection) -> None:
    from cs_engine.web.house import house
    from cs_engine.web.server import WebServer, listening

    with house(Settings(cs_engine_project=folder, **settings)) as found, WebServer(found, listening("127.0.0.1", 0)) as web:
        told.send(web.url)
        told.recv()


def post_all(url: str, posts: Sequence[Post], connections: int) -> None:
    """Posts all; one that is told to come again does."""
    at = urlsplit(url)

    def post(mine: Sequence[Post]) -> None:
        connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=60)
        for path, body, headers in mine:
            while not _taken(connection, path, body, headers):
                time.sleep(0.1)
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(post, [posts[n::connections] for n in range(connections)]))


def _taken(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> bool:
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (200, 503), answer.status
    return answer.status == 200
