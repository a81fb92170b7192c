"""What docs/collector.md shows can be sent as it stands, to another host and with another key."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.docs.markdown import ROOT, Block, blocks
from tests.stories.world import World
from tests.web.conftest import Served

KEY = "key-of-the-product"
SENT = [block for block in blocks(ROOT / "docs/collector.md") if "WRITE_KEY" in block.text and "export" not in block.text]


@pytest.mark.parametrize("block", SENT, ids=lambda block: block.text.split()[1])
def test_what_the_page_shows_arrives(world: World, served: Served, block: Block) -> None:
    assert len(SENT) == 4
    text = block.text.replace("WRITE_KEY", KEY).replace("http://127.0.0.1:8321", served(cs_engine_write_keys=KEY).base)
    if block.language == "python":
        names: dict[str, Any] = {}
        exec(text, names)  # the page's own
        client = names["client"]
        (client.shutdown if "Posthog" in names else client.join)()
    else:
        assert subprocess.run(["bash", "-c", text], check=True, capture_output=True, timeout=20).stdout == b'{"success":true}'
    last = world.engine.store.collected(0, 10)[-1].call
    assert last[1:6] == ("track", "acme", "ann", "", "report_shared")
    assert last.properties == '{"area":"docs"}'


def test_the_doctor_says_whether_usage_comes(world: World, served: Served) -> None:
    from cs_engine.doctor import _collector
    from cs_engine.settings import Settings

    def said(**settings: str) -> list[tuple[str, str]]:
        return [(found.state, found.message) for found in _collector(Settings(cs_engine_project=world.root, **settings))]  # type: ignore[arg-type]

    unused = ("warning", "what is collected is kept and counts for nothing: no source of events asks for it")
    nothing = ("ok", "1 write key(s): usage is taken at /v1/batch of this web; nothing has come yet")
    assert said() == []
    assert said(cs_engine_write_keys=KEY) == [unused, nothing]
    files = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts")}
    world.project(sources={**files, "usage": {"collector": True}})
    assert said(cs_engine_write_keys=KEY) == [nothing]
    assert said() == [("warning", "CS_ENGINE_WRITE_KEYS is not set: nothing comes for sources.usage")]
    browser = served(cs_engine_write_keys=KEY)
    browser.send("/v1/track", b'{"userId": "ann", "event": "x", "writeKey": "key-of-the-product"}', {})
    ((_, short), (_, came)) = said(cs_engine_write_keys="short")
    assert "fewer than 16" in short
    assert "the last call came 2" in came
