"""Problems of one template while it is compiled, placed in its file."""

from __future__ import annotations

from dataclasses import dataclass

from cs_engine.content.guard import Piece
from cs_engine.content.source import Span
from cs_engine.language.problems import Problems


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with one span of a file."""

    span: Span
    problems: Problems

    def unpaired(self, piece: Piece) -> None:
        """A tag whose partner is not beside it."""
        self.problems.add(
            self.span.place(piece.offset, len(piece.text)),
            "T316",
            f"`{piece.text}` has no partner in the same paragraph, list item or table",
            "open and close it in one paragraph, or each on a line of its own",
        )

    def url(self, written: str, pieces: list[Piece]) -> None:
        """A link that a mail cannot have."""
        found = pieces[0].offset if pieces else self.span.text.find(written)
        shown = written if not pieces else pieces[0].text
        self.problems.add(
            self.span.place(max(found, 0), len(shown)),
            "T317",
            f'"{shown}" cannot be a link',
            "links begin with https://, http://, mailto: or tel:, or with a value; `{% … %}` stands around a link, not in it",
        )
