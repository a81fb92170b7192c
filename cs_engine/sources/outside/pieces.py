"""The files of a source as they were when they were read: which of them are as they were, and which have only grown.

Two things prove that a file is as it was. Its identity: the same inode, as large, and neither written nor touched since; for that nothing
is read. Or, of plain CSV, all its bytes: their digest is that of before. A file of which the first bytes, as many as there were, have
that digest has grown, and only what follows is read as rows. Bytes in the middle count too: an export that is written anew with one row
corrected is another file. Whatever is not proven is read whole: Parquet that was touched, CSV that is packed, that is not UTF-8, or whose
last line was not finished.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cs_engine.clock import SystemClock
from cs_engine.instants import to_micros
from cs_engine.ports import SourceReport
from cs_engine.sources.outside.files import CsvFile, SourceFile

_BLOCK = 1 << 20
_TICK, _COARSE_TICK = 50_000, 2_000_000
"""Microseconds in which a file system may give two writes one time; the coarse ones count whole seconds."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of the rows of a file."""

    read: int = 0
    bad: int = 0
    examples: tuple[str, ...] = ()
    """Bad rows, as a report has them."""
    strange: tuple[str, ...] = ()
    """Accounts that rows name and nobody knows: once somebody does, the file says something else."""
    too_strange: bool = False
    """There are more of these."""

    def __add__(self, more: Counted) -> Counted:
        return Counted(
            self.read + more.read,
            self.bad + more.bad,
            self.examples + more.examples,
            tuple(dict.fromkeys(self.strange + more.strange)),
            self.too_strange or more.too_strange,
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a source as it was read."""

    label: str
    identity: tuple[str | int, ...] = ()
    """() where it may have changed without showing it."""
    size: int = 0
    digest: str = ""
    """Of plain CSV: of its bytes."""
    lines: int = 0
    grows: bool = False
    """Rows may follow its last byte."""
    counted: Counted = field(default_factory=Counted)
    segments: tuple[str, ...] = ()
    """Where its rows lie."""


@dataclass(frozen=True, slots=True)
class Past:
    """How the files of a source were read."""

    pieces: tuple[Piece, ...]
    """In order of name."""
    kinds: Mapping[str, str]
    """Column of the source -> its type as it was read."""
    types: Mapping[str, str]
    """Column as authors know it -> what its values are."""
    repeats: bool = False
    """Rows were left out because their id was there before."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        pieces = [[p.label, p.identity, p.size, p.digest, p.lines, p.grows, _plain(p.counted), p.segments] for p in self.pieces]
        return {"pieces": pieces, "kinds": dict(self.kinds), "types": dict(self.types), "repeats": self.repeats}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Past:
        """What `plain` gave."""
        pieces = tuple(
            Piece(label, tuple(identity), size, digest, lines, grows, _counted(counted), tuple(segments))
            for label, identity, size, digest, lines, grows, counted, segments in plain["pieces"]
        )
        return cls(pieces, plain["kinds"], plain["types"], plain["repeats"])


@dataclass(frozen=True, slots=True)
class PastPeople:
    """How sources of which all is read at once, accounts, contacts, what is kept of them elsewhere, and touches, were read."""

    pieces: Mapping[str, tuple[Piece, ...]]
    """Key of the source -> its files, in order of name."""
    reports: Mapping[str, SourceReport]
    """What became of its rows."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        pieces = {key: [[p.label, p.identity, p.size, p.digest] for p in files] for key, files in self.pieces.items()}
        return {"pieces": pieces, "reports": {key: report._asdict() for key, report in self.reports.items()}}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> PastPeople:
        """What `plain` gave."""
        pieces = {
            key: tuple(Piece(label, tuple(identity), size, digest) for label, identity, size, digest in files)
            for key, files in plain["pieces"].items()
        }
        told = {key: {**one, "examples": tuple(one["examples"]), "odd": tuple(one["odd"])} for key, one in plain["reports"].items()}
        return cls(pieces, {key: SourceReport(**one) for key, one in told.items()})


def _plain(counted: Counted) -> list[Any]:
    return [counted.read, counted.bad, counted.examples, counted.strange, counted.too_strange]


def _counted(plain: list[Any]) -> Counted:
    read, bad, examples, strange, too_strange = plain
    return Counted(read, bad, tuple(examples), tuple(strange), too_strange)


class Grown(NamedTuple):
    """A file that begins with what it was."""

    piece: Piece
    """As it is now, with what was counted before."""
    tail: CsvFile
    """What has come since, as a file of its own; its lines are those of the file."""


def look(file: SourceFile) -> Piece:
    """The file as it is now, before it is read as rows. All bytes of plain CSV are read."""
    identity = _identity(file)
    if not _is_plain(file):
        return Piece(file.label, identity, file.path.stat().st_size)
    with file.path.open("rb") as opened:
        print = _Print(opened, file.path.stat().st_size)
    return Piece(file.label, identity, print.size, print.digest, print.lines, print.grows)


def still(file: SourceFile, piece: Piece) -> Piece:
    """The piece that `look` gave, after its rows were read: what changed meanwhile proves nothing about them."""
    if piece.identity and _identity(file) == piece.identity:
        return piece
    # Within one tick of the clock a change of the same size shows nowhere; the digest is of the bytes alone.
    return replace(piece, identity=(), digest=piece.digest if file.path.stat().st_size == piece.size else "")


def same(file: SourceFile, before: Piece) -> Piece | None:
    """The piece, where the file is proven to be as it was; None where it is not."""
    identity = _identity(file)
    if identity and identity == before.identity:
        return before
    if not before.digest or not _is_plain(file) or file.path.stat().st_size != before.size:
        return None
    with file.path.open("rb") as opened:
        return replace(before, identity=identity) if _Print(opened, before.size).digest == before.digest else None


def compare(file: SourceFile, before: Piece, aside: Path) -> Piece | Grown | None:
    """The file beside what it was: the piece when it is the same, what has come since when it has grown; None for another file.

    `aside`: where what has come since is copied to.
    """
    size = file.path.stat().st_size
    if size <= before.size or not isinstance(file, CsvFile) or not _is_plain(file) or not before.digest or not before.grows:
        return same(file, before)
    identity = _identity(file)
    with file.path.open("rb") as opened:
        print = _Print(opened, before.size)
        if print.digest != before.digest:
            return None
        with aside.open("wb") as tail:
            tail.write((file.delimiter.join(f"c{i}" for i in range(len(file.header))) + "\n").encode())
            print.go_on(opened, size, tail)
    if not print.ends:
        return None
    piece = Piece(file.label, identity, print.size, print.digest, print.lines, print.grows, before.counted, before.segments)
    return Grown(piece, replace(file, path=aside, before=before.lines - 1, broken_head=False))


def _is_plain(file: SourceFile) -> bool:
    return isinstance(file, CsvFile) and file.path.suffix.lower() != ".gz"


def _identity(file: SourceFile) -> tuple[str | int, ...]:
    stat = file.path.stat()
    if getattr(file, "lasts", False):
        return (file.path.name, stat.st_size)
    changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
    tick = _COARSE_TICK if stat.st_mtime_ns % 1_000_000_000 == 0 and stat.st_ctime_ns % 1_000_000_000 == 0 else _TICK
    if to_micros(SystemClock().now()) - changed // 1000 <= tick:
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class _Print:
    """What the first bytes of a file are, read block by block."""

    def __init__(self, opened: BinaryIO, size: int) -> None:
        self.size, self.lines, self.is_text = 0, 0, True
        self._hash, self._decoder, self._last = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), b""
        self.go_on(opened, size)

    def go_on(self, opened: BinaryIO, size: int, copy: BinaryIO | None = None) -> None:
        """Up to that size, or the end of the file."""
        while self.size < size and (block := opened.read(min(_BLOCK, size - self.size))):
            self.size += len(block)
            self.lines += block.count(b"\n")
            self._hash.update(block)
            self._last = block[-1:]
            if self.is_text:
                self.is_text = self._decodes(block)
            if copy is not None:
                copy.write(block)

    def _decodes(self, block: bytes) -> bool:
        try:
            self._decoder.decode(block)
        except UnicodeDecodeError:
            return False
        return True

    @property
    def ends(self) -> bool:
        """Whether it is UTF-8, with no letter cut in two at the end."""
        try:
            return self.is_text and self._decoder.decode(b"", final=True) == ""
        except UnicodeDecodeError:
            return False

    @property
    def digest(self) -> str:
        return self._hash.copy().hexdigest()

    @property
    def grows(self) -> bool:
        return self.is_text and self._last == b"\n"
