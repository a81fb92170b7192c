"""Which names a template reads, in any of its locales: told from its text, without making a mail of it."""

from __future__ import annotations

from cs_engine.content.library import Kind, Library
from cs_engine.content.source import Span
from cs_engine.content.spans import reads_of
from cs_engine.language.problems import Problems


def names_read(library: Library, kind: Kind, name: str) -> frozenset[str]:
    """Dotted names as in `account.name`; those of a template that is not there, or is no Jinja, are none."""
    found: set[str] = set()
    for file, _ in library.variants(kind, name):
        reads = reads_of(Span(library.text(file, Problems()), file), Problems())
        found |= reads.needs | reads.wants
    return frozenset(found)
