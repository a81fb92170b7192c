"""A Prefect server for as long as a run lasts, for those who have none. Imports no Prefect: it boots beside the work done meanwhile.

Prefect's own temporary server outlives a process that is killed, waits on a port that another may take, and starts only when Prefect
has been imported. This one ends when its parent does, and says which port it took.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cs_engine.errors import PrefectDown
from cs_engine.server_settings import SERVER_SETTINGS

STARTS_WITHIN = 120.0
"""Seconds; it took 10 to 40 on two busy cores. PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS says otherwise."""

_TRIES = 2
_USUAL = "http://127.0.0.1:4200/api"
_ENVIRONMENT: Mapping[str, str] = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class EmbeddedServer:
    """One server process on a free loopback port. `start` returns at once; `url` waits until it answers."""

    def __init__(self, log: Path) -> None:
        """`log`: a file for what the server says, made anew."""
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def start(self) -> None:
        """Starts the process, unless it runs."""
        if self._process is not None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cs_engine.prefect_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C in a terminal reaches a whole session: the tick that is under way still tells the server of itself.
                start_new_session=True,
                env={**SERVER_SETTINGS, **os.environ, **_ENVIRONMENT},
            )

    def url(self) -> str:
        """The API's address, once it answers. A server that dies or stays silent is started once more; then PrefectDown."""
        if self._url:
            return self._url
        within = float(os.environ.get("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS") or STARTS_WITHIN)
        died = False
        for _ in range(_TRIES):
            self.start()
            if self._answers(time.monotonic() + within):
                return self._url
            died = self._process is None or self._process.poll() is not None
            self.stop()
        if died:
            what = f"Prefect's server ended by itself before it answered, {_TRIES} times"
            mend = f"{self._log} says why; a PREFECT_HOME that cannot be written is one reason."
        else:
            what = f"Prefect's server did not start within {within:g} seconds, {_TRIES} times"
            mend = f"run it again when the machine is less busy; {self._log} says what it was doing."
        raise PrefectDown(what, f"{mend} Or start one that stays: prefect server start, and export PREFECT_API_URL={_USUAL}")

    def stop(self) -> None:
        """Ends the process; what it was told is written."""
        process, self._process, self._url = self._process, None, ""
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _answers(self, deadline: float) -> bool:
        assert self._process is not None
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()  # said before anything slow; '' when it died
        if not port:
            self._process.wait(5)
            return False
        url = f"http://127.0.0.1:{port}/api"
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(url):
                self._url = url
                return True
            time.sleep(0.1)
        return False


def embedded_server(root: Path) -> EmbeddedServer:
    """The server of a project that has none, not started yet."""
    return EmbeddedServer(root / ".cs-engine" / "prefect.log")


def shown(url: str) -> str:
    """The address as it may be printed: a proxy's name and password in it are nobody's business."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}")) if "@" in parts.netloc else url


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a Prefect API answers at that address."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=seconds) as response:  # noqa: S310 - the user's own address
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        return error.code < 500  # it wants to know who asks: Prefect's client will tell it
    except (OSError, ValueError):
        return False


def _serve() -> None:
    """The child: binds a port, says it, serves until it is told to end or its parent is gone."""
    import uvicorn
    from uvicorn.importer import import_from_string

    gc.set_threshold(20_000)  # what Prefect imports stays
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - this is how the parent learns of it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = _patient(import_from_string("prefect.server.api.server:create_app")())
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[listening])


def _patient(app: Any) -> Any:
    """The application, whose 503s say when to come back.

    SQLite refuses one in ten of the flow runs that are created while the tasks of the last one are recorded. Prefect's client would
    sleep two seconds; after a fifth of one the way is free.
    """

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                message = {**message, "headers": [*message["headers"], (b"retry-after", b"0.2")]}
            await send(message)

        await app(scope, receive, tell)

    return answering


def _end_with_parent() -> None:
    sys.stdin.read()  # nothing is ever written: it ends when the parent does, however that was
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve()
