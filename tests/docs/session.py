"""A page followed word by word: its files written, its edits made, its commands run, in order, in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.markdown import Block, Command, blocks, commands, shows

LONGEST = 300
"""Seconds a command may take: Prefect's start included."""


@dataclass
class Session:
    """A terminal in an empty folder, with `cs-engine` on its path and none of our settings."""

    here: Path
    home: Path
    done: list[str] = field(default_factory=list)

    def follow(self, page: Path) -> Iterator[tuple[Command, str]]:
        """Does all that the page says; after each command gives it with what it wrote, both outputs together."""
        for block in blocks(page):
            if block.language == "console":
                for command in commands(block):
                    yield command, self.run(command.line)
            elif block.file and block.language == "diff":
                self.edit(block)
            elif block.file:
                self.write(block)

    def write(self, block: Block) -> None:
        file = self.here / str(block.file)
        assert file.parent.is_dir(), f"{block.where}: there is no folder for {block.file}"
        file.write_text(block.text, encoding="utf-8")

    def edit(self, block: Block) -> None:
        """A diff without line numbers: what `-` and blank lines say must be there, once."""
        file = self.here / str(block.file)
        lines = [line for line in block.text.split("\n") if line]
        before = "\n".join(line[1:] for line in lines if line[0] in " -")
        after = "\n".join(line[1:] for line in lines if line[0] in " +")
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{block.where}: {block.file} does not say, once,\n{before}"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, line: str) -> str:
        if line.startswith("cd "):
            self.here = (self.here / line[3:]).resolve(strict=True)
            return ""
        shell = subprocess.run(
            ["bash", "-c", line],
            cwd=self.here,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
        # Without a terminal each thing done is a line; readers have one, and see a bar that goes away.
        return "".join(line for line in shell.stdout.splitlines(keepends=True) if not line.rstrip().endswith(" ..."))

    def _environment(self) -> dict[str, str]:
        ours = ("CS_ENGINE_", "PREFECT_", "SENDGRID_", "SLACK_", "SMTP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return {**kept, "PATH": path, "PREFECT_HOME": str(self.home), "COLUMNS": "120", "LC_ALL": "C.UTF-8"}


def differences(session: Session, page: Path) -> Iterator[str]:
    """What the page shows and is not so, each with what really came."""
    for command, output in session.follow(page):
        if missing := shows(command.shown, output):
            yield f"{command.where}: $ {command.line}\n    shows: {missing}\n    but it says:\n{output}"
