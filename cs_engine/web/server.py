"""Serves the web: in the foreground for `cs-engine serve`, in a thread beside the ticks for `cs-engine up`."""

from __future__ import annotations

import logging
import socket
import threading
import time
from types import TracebackType

import uvicorn

from cs_engine.errors import WrongUse
from cs_engine.web.app import application
from cs_engine.web.house import House

_STARTS_WITHIN = 20.0
_ENDS_WITHIN = 10

_BACKLOG = 2_048
"""Who may wait to be let in; uvicorn's own."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there: who connects before the web runs waits for it. Raises WrongUse when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Its protocol named, asyncio sends what it has at once: else an answer's second part waits 40 ms for the caller's word on the first.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no such address"
        raise WrongUse(f"cannot listen on {host}:{port}: {why}", "another process has it: name another one with --port") from error
    return bound


class WebServer:
    """The web on a bound socket. As a context it runs in a thread, and has ended when the context is left."""

    def __init__(self, house: House, bound: socket.socket) -> None:
        # No access log: its lines would hold links that answer for people. No traces: they could quote data.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            application(house),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_ENDS_WITHIN,
            lifespan="off",
        )
        self._server, self._bound = uvicorn.Server(config), bound
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [bound]}, name="cs-engine-web", daemon=True)

    @property
    def url(self) -> str:
        host, port, *_ = self._bound.getsockname()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self) -> None:
        """Serves until SIGINT or SIGTERM."""
        try:
            self._server.run(sockets=[self._bound])
        except KeyboardInterrupt:
            pass  # uvicorn has ended cleanly, and says by what
        finally:
            self._bound.close()

    def __enter__(self) -> WebServer:
        self._thread.start()
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self._end()
                raise WrongUse("the web did not start", "run it again; CS_ENGINE_DEBUG=1 shows more")
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        self._server.should_exit = True
        self._thread.join(_ENDS_WITHIN + 5)
        self._bound.close()
