"""An answer as a template has it: compared by what was kept, shown in the words that its reader chose from."""

from __future__ import annotations


class Choice(str):
    """One of several: `{% if answer('plan.size') == 'small' %}` reads its value, `{{ answer('plan.size') }}` says `Small`."""

    __slots__ = ("label",)
    label: str

    def __new__(cls, value: str, label: str) -> Choice:
        made = super().__new__(cls, value)
        made.label = label
        return made

    def __reduce__(self) -> tuple[type[Choice], tuple[str, str]]:
        return Choice, (self[:], self.label)

    def __str__(self) -> str:
        return self.label
