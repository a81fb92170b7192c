"""What all parts of the language share: its values, their patterns, and how a wrong one is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from cs_engine.usage.model import Strict

ID_PATTERN = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
"""Ids are keys in the database and names in Prefect: small letters, digits, hyphens."""
DURATION_PATTERN = r"^[0-9]+ +(minutes?|hours?|days?|weeks?|business days?)$"
MANUAL = "manual"
"""The `enter` of a playbook that people are enrolled into by hand, or by another playbook."""
FIXED = frozenset({"id", "name", "locale", "timezone", "signed_up_at", "learned_at"})
"""Attributes of accounts that no playbook sets: who they are, and what mail hangs on before any playbook is asked."""
SHARE_PATTERN = r"^[0-9]{1,2}(\.[0-9]+)? ?%$"
"""Of all accounts, less than 100 %."""


def wrong(code: str, message: str, mend: str = "", key: str = "") -> PydanticCustomError:
    """A problem in our own words. `key` puts it at that key of the mapping that is being read."""
    # Braces in the template are pydantic's own placeholders, so the words travel in the context.
    return PydanticCustomError("worded", "{message}", {"code": code, "message": message, "mend": mend, "key": key})


def plain_condition(value: Any) -> Any:
    """A condition is plain text; YAML reads some of what people write as something else."""
    if isinstance(value, Mapping):
        inner = ", ".join(str(key) if inner is None else f"{key}: {inner}" for key, inner in value.items())
        raise wrong("P101", "a condition is plain text, not a mapping", f"leave the braces out: {inner}")
    if isinstance(value, bool):
        raise wrong("P101", f"a condition is a comparison, not {str(value).lower()}", "leave the key out where it should always hold")
    if isinstance(value, list):
        raise wrong("P101", "a condition is one text, not a list", "join its parts with `and` or `or`")
    return value


def _duration(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise wrong("P101", f"{value} of what?", f"write a unit: `{value} days`, `{value} hours`, `{value} business days`")
    return value


def _scalar(value: Any) -> Any:
    if not isinstance(value, Scalar):
        raise wrong("P101", "this is text, a number, true or false", "give each part a name of its own")
    return value


def _share(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        said = f"{value * 100:g}%" if 0 < value < 1 else f"{value:g}%"
        raise wrong("P101", f"{value} of what?", f"write `{said}`")
    return value


def share_of(text: str) -> float:
    """A share as a number from 0 to 1: `10%` is 0.1."""
    return float(text.rstrip("% ")) / 100


Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=80)]
Condition = Annotated[str, BeforeValidator(plain_condition), WithJsonSchema({"type": "string"})]
DurationText = Annotated[str, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
Share = Annotated[str, BeforeValidator(_share), Field(pattern=SHARE_PATTERN)]
Scalar = str | int | float | bool | None
VarValue = Annotated[Scalar, PlainValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Uncertain = Literal["ask", "drop", "resend"]
Synonyms = Mapping[str, tuple[str, str]]
"""What people write instead -> (the key, why)."""


class Keyed(Strict):
    """A mapping of the playbook language."""

    model_config = ConfigDict(populate_by_name=False)

    CALLED: ClassVar[str] = "a playbook"
    """How problems speak of it."""
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys of the language that are not built yet."""
    SYNONYMS: ClassVar[Synonyms] = {}
    ELSEWHERE: ClassVar[Mapping[str, str]] = {}
    """Keys that mean nothing here -> where they do."""
    BARE: ClassVar[frozenset[str]] = frozenset()
    """Keys that stand alone."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: Any, info: ValidationInfo) -> Any:
        """A key that somebody began to write is no wish for its default: `enter:` alone would let everybody in."""
        if value is None and info.field_name not in cls.BARE:
            key = cls.model_fields[info.field_name or ""].alias or info.field_name
            raise wrong("P101", f"`{key}` stands there with nothing behind it", "write its value, or leave the key out")
        return value


def tag(kind: str) -> str:
    """The kind as a part of pydantic's locations; no key of a file can be mistaken for it."""
    return f"<{kind}>"
