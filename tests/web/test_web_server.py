"""The web's socket."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from cs_engine.errors import WrongUse
from cs_engine.web.server import listening


def test_who_connects_before_the_web_runs_is_let_in_and_waits() -> None:
    """`serve` says its address first: whoever reads that line may call at once."""
    with closing(listening("127.0.0.1", 0)) as bound, closing(socket.create_connection(bound.getsockname(), 5)):
        bound.accept()[0].close()


def test_an_address_that_another_has_says_so_with_the_mend() -> None:
    with closing(listening("127.0.0.1", 0)) as bound, pytest.raises(WrongUse, match="cannot listen on"):
        listening("127.0.0.1", bound.getsockname()[1])
