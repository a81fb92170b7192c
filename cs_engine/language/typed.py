"""Values brought to the types that they are needed as; where that cannot be, a problem whose mend can be written there to the letter."""

from __future__ import annotations

from dataclasses import replace

from cs_engine.language.expression import Duration, Type
from cs_engine.language.scope import Reporter
from cs_engine.language.values import DAY, FLIPPED, Value, as_type, instead, truth_mend


class Types:
    """What a place takes. A value that it does not take comes back broken, and is reported."""

    def __init__(self, report: Reporter) -> None:
        self._report = report

    def want(self, value: Value, wanted: Type, taker: str) -> Value:
        """The value as the type that `taker` ('': the place) needs, or a problem."""
        cast = as_type(value, wanted)
        if cast is not None:
            return cast
        needed = replace(value, type=wanted).said
        mend = ""
        if wanted is Type.INSTANT and value.type is Type.TEXT and value.literal is not None:
            mend = "write a date that exists, as '2026-01-31'"
        elif wanted is Type.INSTANT and DAY.fullmatch(whole := self._report.text.strip()):
            mend = f"write \"'{whole}'\", both pairs of quotes: YAML takes the outer one away"
        elif wanted is Type.TEXT and value.literal is not None:
            mend = f"write '{value.words}'"
        asked = f"`{taker}` takes {needed}" if taker else f"{needed} is needed here"
        self._report.add(value.start, value.end, "X213", f"{asked}, {short(value.words)} is {value.said}", mend)
        return replace(value, type=wanted, broken=True)

    def truth(self, value: Value, mend: str = "") -> Value:
        """The value as yes/no, or a problem."""
        if value.broken or value.type in (Type.BOOLEAN, None):
            return value
        if cast := as_type(value, Type.BOOLEAN):
            return cast
        self._report.add(
            value.start, value.end, "X213", f"a condition is needed, {short(value.words)} is {value.said}", mend or truth_mend(value)
        )
        return replace(value, broken=True)

    def exact(self, value: Value) -> Value:
        """A value that may stand alone in SQL: an interval of business days cannot."""
        if isinstance(value.literal, Duration) and not value.sql:
            self._report.add(value.start, value.end, "X213", "business days can only be added to a time, or taken from one", "write days")
            return replace(value, sql="NULL", broken=True)
        return value

    def alike(self, values: list[Value]) -> list[Value]:
        """All as one type (that of the first that has one)."""
        first = next((v for v in values if v.type not in (None, Type.UNKNOWN)), None)
        if first is None:
            return [self.exact(v) for v in values]
        alike = []
        for value in values:
            agreed = self.agree(first, value)
            alike.append(replace(value, broken=True) if agreed is None else agreed[1])
        return alike

    def agree(self, left: Value, right: Value, operator: str = "") -> tuple[Value, Value] | None:
        """Both as one type, or None and a problem. `operator` is what stands between them, if one does."""
        if left.broken or right.broken:
            return left, right
        if left.type is Type.UNKNOWN and right.type is Type.UNKNOWN:
            return replace(left, sql=f"CAST({left.sql} AS VARCHAR)"), replace(right, sql=f"CAST({right.sql} AS VARCHAR)")
        for one, other in ((left, right), (right, left)):
            if one.type is None or one.type is other.type:
                return self.exact(left), self.exact(right)
            if other.type is not None and (cast := as_type(one, other.type)) is not None:
                return (cast, self.exact(other)) if one is left else (self.exact(other), cast)
        message = f"{short(left.words)} is {left.said}, {short(right.words)} is {right.said}"
        start, end, mend = self._mended(left, right, operator)
        self._report.add(start, end, "X213", message, mend)
        return None

    def _mended(self, left: Value, right: Value, operator: str) -> tuple[int, int, str]:
        """From where to where what to write: put there to the letter, it is right."""
        for subject, other in ((left, right), (right, left)):
            found = instead(subject, other)
            if found is None:
                continue
            if found.part == "value" or (found.part == "compared" and not operator):
                return other.start, other.end, f"write {found.words}"
            if not operator:
                return subject.start, subject.end, f"write days_since({subject.words})"
            start, end = operation(self._report.text, left, right)
            if found.part == "compared" and other is right:
                return start, end, f"write {operator} {found.words}"
            words = subject.words if found.part == "compared" else f"days_since({subject.words})"
            sign = operator if other is right else FLIPPED.get(operator, operator)
            return left.start, end, f"write {words} {sign} {found.words}"
        at = right if right.literal is not None or left.literal is None else left
        return at.start, at.end, ""


def operation(text: str, left: Value, right: Value) -> tuple[int, int]:
    """From the operator between two values to the end of the second, with the parentheses around that. In `text`."""
    between = text[left.end : right.start]
    end = right.end
    for _ in range(between.count("(")):
        close = text.find(")", end)
        end = close + 1 if close >= 0 else end
    return left.end + len(between) - len(between.lstrip(" \t\n)")), end


def short(words: str) -> str:
    """Words of an author as a message quotes them."""
    return words if len(words) <= 40 else words[:39] + "…"
