"""A part of a YAML file that definitions stand in, for the places of their problems."""

from __future__ import annotations

from dataclasses import dataclass

from cs_engine.language.problems import Place
from cs_engine.language.scope import PlaceOf
from cs_engine.language.yaml import Document


@dataclass(frozen=True, slots=True)
class Section:
    """Where the definitions of one kind stand: a document, and the path in it under which they begin."""

    file: str
    document: Document | None = None
    path: tuple[str | int, ...] = ()

    def place(self, *keys: str | int) -> Place:
        """Where the value at these keys stands."""
        return self.document.place(self.path + keys) if self.document else Place(self.file)

    def name(self, *keys: str | int) -> Place:
        """Where the last of these keys itself stands."""
        return self.document.key_place(self.path + keys) if self.document else Place(self.file)

    def holds_text(self, *keys: str | int) -> bool:
        """Whether the value at these keys is plain text, where it could have been a mapping."""
        value: object = self.document.data if self.document else None
        for key in (*self.path, *keys):
            value = value.get(key) if isinstance(value, dict) else None
        return isinstance(value, str)

    def text(self, *keys: str | int) -> PlaceOf:
        """Places within the text value at these keys."""
        document, path = self.document, self.path + keys
        if document is None:
            return lambda offset, length: Place(self.file, 1, 1 + offset, length)
        return lambda offset, length: document.within(path, offset, length)

    def name_text(self, *keys: str | int) -> PlaceOf:
        """Places within the last of these keys: where the key itself is a condition."""
        return self.name(*keys).at
