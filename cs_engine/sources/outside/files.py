"""Source files as they lie on disk: CSV (plain or .gz, any line of its own fault) and Parquet."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast
from urllib.parse import unquote

from cs_engine.errors import SyncStopped

_HEAD = 1 << 16
_BEGINNING = 400
_DELIMITERS = ",;\t|"
_QUOTED = re.compile('"[^"]*("|$)')
ASIDE = "it may be half written: write it aside and rename it when it is whole"
"""The mend of a file that is not whole."""
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class CsvFile:
    path: Path
    label: str
    """The path relative to the project: how reports call it."""
    header: tuple[str, ...]
    delimiter: str
    folders: tuple[tuple[str, str | None], ...] = ()
    """What its folders say of all its rows, below those that `file:` names outright: day=2026-01-01 is a column `day`."""
    broken_head: bool = False
    """There are line ends within quotes among its names. Where the others are of another kind, DuckDB takes no row, and says nothing."""
    before: int = 0
    """What `path` has is the end of a file: so many more lines than here lie before a row there."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    path: Path
    label: str
    folders: tuple[tuple[str, str | None], ...] = ()
    """As of a CSV file."""
    lasts: bool = False
    """A file of that name never changes."""


SourceFile = CsvFile | ParquetFile


class Record(NamedTuple):
    """One record of a CSV file: either values, one a column of the header, or what is wrong with it."""

    line: int
    values: list[str]
    bad: str


def find(project: Path, pattern: str) -> list[SourceFile]:
    """The files that `file:` names, opened as far as their header, in order of name. Raises SyncStopped when there is none."""
    return [_opened(path, _label(path, project), folders) for path, folders in _find(project, pattern)]


def find_paths(project: Path, pattern: str) -> list[Path]:
    """The files that `file:` names, in order of name. Raises SyncStopped when there is none."""
    return [path for path, _ in _find(project, pattern)]


def _find(project: Path, pattern: str) -> list[tuple[Path, tuple[tuple[str, str | None], ...]]]:
    pattern_path = Path(pattern)
    if pattern_path.is_absolute():
        base, relative = Path(pattern_path.anchor), str(pattern_path.relative_to(pattern_path.anchor))
    else:
        base, relative = project, pattern
    many = any(c in relative for c in "*?[")
    found = sorted(base.glob(relative)) if many else [base / relative]
    # What is named so is being written, or is somebody's mark: Spark and the like never mean it as data.
    files = [path for path in found if path.is_file() and not (many and _is_aside(path.relative_to(base)))]
    if not files:
        raise SyncStopped(
            f"{pattern}: no such file", f"put it at {base / relative}, or correct `file:` under sources in playbooks/project.yaml"
        )
    return [(path, _folders(path.relative_to(base)) if many else ()) for path in files]


def _is_aside(path: Path) -> bool:
    return any(part.startswith(("_", ".")) and part not in (".", "..") for part in path.parts)


def _folders(path: Path) -> tuple[tuple[str, str | None], ...]:
    """Columns that its folders are named by, as Hive does."""
    named = (part.partition("=") for part in path.parts[:-1] if "=" in part)
    return tuple((unquote(name), None if value == _HIVE_NULL else unquote(value)) for name, _, value in named if name)


def _label(path: Path, project: Path) -> str:
    try:
        return str(path.relative_to(project))
    except ValueError:
        return str(path)


def _opened(path: Path, label: str, folders: tuple[tuple[str, str | None], ...]) -> SourceFile:
    if path.suffix.lower() in (".parquet", ".pq"):
        return ParquetFile(path, label, folders)
    head = next(_blocks(path, label, _HEAD), b"")
    text = _decoded_head(head, label).removeprefix("\ufeff")
    if not text.strip():
        raise SyncStopped(f"{label}: the file is empty", "write it with a header line")
    first = _QUOTED.sub("", io.StringIO(text, newline="").readline())
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error:
        # Readers take it each in their own way, and rows with it.
        said = f"{label}:1 the first line has broken quotes, or one that never closes"
        raise SyncStopped(said, "close it, or double it within quotes") from None
    return CsvFile(path, label, _checked_header(header, label), delimiter, folders, broken_head=reader.line_num > 1)


def _blocks(path: Path, label: str, size: int) -> Iterator[bytes]:
    """The file's bytes, unpacked. Raises SyncStopped where it is packed and cannot be unpacked to its end."""
    with _bytes(path) as file:
        while True:
            try:
                block = file.read(size)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise SyncStopped(f"{label}: it is no whole gzip file", ASIDE) from None
            if not block:
                return
            yield block


def _checked_header(header: list[str], label: str) -> tuple[str, ...]:
    names = tuple(name.replace("\0", "").strip() for name in header)
    if not any(names):
        raise SyncStopped(f"{label}:1 the first line is blank", "begin the file with the line that names the columns")
    seen: set[str] = set()
    for name in names:
        if name and name.lower() in seen:
            raise SyncStopped(f'{label}:1 two columns are named "{name}"', "rename or drop one of them")
        seen.add(name.lower())
    return names


def _bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked."""
    if path.suffix.lower() == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _decoded_head(head: bytes, label: str) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")().decode(head)
    if _is_unmarked_utf16(head[:_BEGINNING]):
        raise SyncStopped(f"{label}: the text is UTF-16 without a byte order mark", "save the file as UTF-8")
    for encoding in ("utf-8", "cp932"):
        try:
            # The incremental decoder forgives a character cut in two at the end.
            return codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
    if _is_utf8(head.split(b"\n", 1)[0]):
        # The header is sound: rows that are not will be named one by one.
        return head.decode("utf-8", errors="replace")
    raise SyncStopped(f"{label}: the text is neither UTF-8 nor Shift_JIS", "save the file as UTF-8")


def _is_unmarked_utf16(data: bytes) -> bool:
    """Whether every other byte, of many, is none: so are letters of ASCII in two bytes, with the larger one first or last."""
    first, second = data[0::2].count(0), data[1::2].count(0)
    return min(first, second) == 0 and max(first, second) > len(data) // 8


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoding(path: Path, label: str) -> str:
    """utf-8, utf-16 or cp932: the first that the whole file is. A file that is none but mostly UTF-8 has bad rows."""
    head = next(_blocks(path, label, _HEAD), b"")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "cp932"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for block in _blocks(path, label, 1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    _decoded_head(head, label)
    return "utf-8"


def records(file: CsvFile) -> Iterator[Record]:
    """Every record under the header with the line on which it begins; broken ones as such. Slow and exact.

    Lines that a broken record has swallowed are broken records too, so that they count. Raises SyncStopped where a quote opens
    and never closes, or not for so long that it must have been forgotten: what follows cannot be told apart.
    """
    width = len(file.header)
    encoding = _encoding(file.path, file.label)
    # A byte order mark before a quote would make the quote a letter.
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    with io.TextIOWrapper(_bytes(file.path), encoding=encoding, errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=file.delimiter, strict=True)
        next(reader, None)
        while True:
            line = reader.line_num + 1 + file.before
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "end of data" in str(error):
                    raise SyncStopped(f"{file.label}:{line} a quote opens here and never closes", "close or double the quote") from None
                if "field limit" in str(error):
                    what = f"a field is longer than {csv.field_size_limit():,} characters: a quote opens and does not close"
                    raise SyncStopped(f"{file.label}:{line} {what}", "close or double the quote") from None
                yield Record(line, [], "has broken quotes" if "expected after" in str(error) else "cannot be read as CSV")
                yield from _swallowed(line, reader.line_num + file.before)
                continue
            if not values:
                continue
            fault = _fault(values, width)
            yield Record(line, values, fault)
            if fault:
                yield from _swallowed(line, reader.line_num + file.before)


def _swallowed(first: int, last: int) -> Iterator[Record]:
    """The other lines of a broken record: most likely rows of their own, between a quote too many and the next."""
    return (Record(line, [], f"stands between quotes that open in line {first}") for line in range(first + 1, last + 1))


def _fault(values: list[str], width: int) -> str:
    if len(values) != width:
        return f"has {len(values)} columns, the header has {width}"
    joined = "".join(values)
    if "\0" in joined:
        return "holds a NUL byte"
    if "\ufffd" in joined:
        return "holds bytes that are no text"
    return ""
