"""A real yaml-language-server, where there is one (`npm i -g yaml-language-server`), completes, explains and checks with our schemas.

Without it, test_playbook_schema.py derives the same from the schemas alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cs_engine.playbook.schema import write_schemas

SERVER = shutil.which("yaml-language-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="no yaml-language-server here")

TEXT = """\
# yaml-language-server: $schema=schemas/playbook.json
playbook: sample
steps:
  - id: a
    email: onboarding/welcome
    |
  - id: b
    cta: stuck
    priority: |
  - id: c
    tempalte: onboarding/welcome
""".replace("|", "")
"""Each bar stands where a cursor is."""
YAML_SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}


class Editor:
    """Speaks the language server protocol over pipes, as an editor does."""

    def __init__(self, folder: Path) -> None:
        assert SERVER is not None
        self.process = subprocess.Popen([SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0
        self.uri = (folder / "sample.yaml").as_uri()
        self.diagnostics: list[str] | None = None
        capabilities = {"textDocument": {"completion": {}, "hover": {}}, "workspace": {"configuration": True}}
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self.tell("initialized", {})

    def tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self.number += 1
        wanted = self.number
        self._send({"id": wanted, "method": method, "params": params})
        return self.until(lambda message: message.get("id") == wanted and "method" not in message)["result"]

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._receive()
            if "id" in message and "method" in message:
                items = message["params"].get("items", []) if message.get("params") else []
                self._send({"id": message["id"], "result": [YAML_SETTINGS if i.get("section") == "yaml" else None for i in items]})
            elif wanted(message):
                return message

    def at(self, method: str, line: int, character: int) -> Any:
        return self.ask(method, {"textDocument": {"uri": self.uri}, "position": {"line": line, "character": character}})

    def completions(self, line: int, character: int) -> set[str]:
        return {item["label"] for item in self.at("textDocument/completion", line, character)["items"]}

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server went away"
        return dict(json.loads(self.process.stdout.read(length)))


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    write_schemas(tmp_path / "schemas")
    (tmp_path / "sample.yaml").write_text(TEXT, encoding="utf-8")
    opened = Editor(tmp_path)
    opened.tell("textDocument/didOpen", {"textDocument": {"uri": opened.uri, "languageId": "yaml", "version": 1, "text": TEXT}})
    yield opened
    opened.process.kill()
    opened.process.communicate()


def test_an_editor_checks_completes_and_explains(editor: Editor) -> None:
    found = editor.until(lambda message: message.get("method") == "textDocument/publishDiagnostics")["params"]["diagnostics"]
    assert (10, "Property tempalte is not allowed.") in {(d["range"]["start"]["line"], d["message"]) for d in found}
    assert {"to", "from", "if", "uncertain"} <= editor.completions(5, 4)
    assert {"goal", "audience", "schedule"} <= editor.completions(2, 0)
    assert {"low", "normal", "high"} <= editor.completions(8, 14)
    assert "templates/email/" in json.dumps(editor.at("textDocument/hover", 4, 6))
