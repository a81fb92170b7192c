from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cs_engine.clock import FixedClock
from cs_engine.settings import Settings
from cs_engine.web.house import house
from cs_engine.web.server import WebServer, listening
from tests.doubles.slack import SlackDouble
from tests.stories.conftest import base, synced, world
from tests.stories.world import Ticked, World, opened
from tests.web.browser import Browser

__all__ = ["base", "synced", "world"]

Served = Callable[..., Browser]


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[Served]:
    """Serves the world's project, as it is, from a real server on loopback."""
    with ExitStack() as stack:

        def serve(at: datetime | None = None, language: str = "", **settings: Any) -> Browser:
            found = stack.enter_context(house(Settings(cs_engine_project=world.root, **settings), FixedClock(at) if at else None))
            server = stack.enter_context(WebServer(found, listening("127.0.0.1", 0)))
            return Browser(server.url, language)

        yield serve


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    with SlackDouble() as double:
        yield double


def links(ticked: Ticked) -> list[str]:
    """The paths of the links to our pages in the first mail's HTML."""
    html = opened(ticked.files[0]).get_body(("html",))
    assert html is not None
    return re.findall(r'href="http://127\.0\.0\.1:8321(/a/[^"]+)"', html.get_content())
