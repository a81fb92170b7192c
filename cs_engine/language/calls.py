"""Calls of functions: known, built, with the arguments that they take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cs_engine.language import durations
from cs_engine.language.expression import AT_ENTRY as KEPT
from cs_engine.language.expression import OF_PASSAGE, Duration, Expression, Spell, Type
from cs_engine.language.functions import ASKED, AT_ENTRY, CONFIRMED, FUNCTIONS, HAPPENED, HELD, MENDS, SAME, SUBJECTS, Function
from cs_engine.language.happened import Happened
from cs_engine.language.problems import did_you_mean
from cs_engine.language.scope import kept
from cs_engine.language.tokens import Kind
from cs_engine.language.values import Value, double

if TYPE_CHECKING:
    from sqlglot import exp

    from cs_engine.language.compiler import Compiler


_ASKED_AS = {"answer": "answer('kickoff.date')", "done": "done('kickoff')"}


class Calls:
    """The rule for calls of one compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def value(self, node: exp.Expr) -> Value:
        token = self.compiler.token(node)
        name = token.text.lower()
        if name in SUBJECTS:
            return self._subject(node, name)
        if name in ASKED:
            return self._asked(node, name)
        if name == AT_ENTRY:
            return self._at_entry(node)
        if name == HAPPENED:
            return Happened(self.compiler).value(node)
        if name == HELD:
            return self._held(node)
        if function := FUNCTIONS.get(name):
            return self._call(node, name, function)
        mend = MENDS.get(name) or did_you_mean(name, [*FUNCTIONS, *SUBJECTS, *ASKED, AT_ENTRY, HAPPENED, HELD])
        self.compiler.report.add(token.start, token.end, "X215", f"there is no function {token.text}()", mend)
        return Value("NULL", None, token.start, token.end, token.text, broken=True)

    def _subject(self, node: exp.Expr, name: str) -> Value:
        """`reached('habit')`, `in_segment('enterprise')`, `in_calendar('jp')`."""
        what = SUBJECTS[name]
        scope = self.compiler.scope
        known = {"milestone": scope.milestones, "segment": scope.segments, "calendar": scope.calendars}[what]
        arguments = node.expressions
        if len(arguments) != 1:
            return self.compiler.refuse(node, "X217", f"{name}() takes one {what}", f"write {name}('…')")
        start, end = self.compiler.span(arguments[0])
        words = self.compiler.report.text[start:end]
        token = self.compiler.token(arguments[0]) if arguments[0].key == "column" else None
        if token is None or token.kind is not Kind.TEXT:
            mend = (
                f"write {name}('{words}')"
                if words in known
                else f"write {name}('…') with one of journey.yaml"
                if what == "milestone"
                else ""
            )
            return self.compiler.refuse(arguments[0], "X207", f"{name}() takes the id of a {what} in single quotes", mend)
        if token.value not in known:
            message = f"there is no {what} '{token.value}'"
            mend = did_you_mean(str(token.value), known) or (f"there are {', '.join(sorted(known))}" if known else "")
            return self.compiler.refuse(arguments[0], "X218", message, mend)
        if what == "calendar":
            start, end = self.compiler.span(node)
            sql = f"coalesce(getvariable('calendar {token.value}'), false)"
            return Value(sql, Type.BOOLEAN, start, end, self.compiler.report.text[start:end])
        if name in CONFIRMED and token.value not in scope.confirmed:
            return self._unasked(node, name, str(token.value))
        prefix = name if what == "milestone" else "segment"
        return self.compiler.column(node, f"{prefix}:{token.value}", Type.BOOLEAN)

    def _unasked(self, node: exp.Expr, name: str, milestone: str) -> Value:
        """claimed('…') or doubted('…') of a milestone that nobody confirms: it is reached as soon as it is so, and never in doubt.

        No error: versions that people are inside may be from when customers were asked.
        """
        if name == "claimed":
            return self.compiler.column(node, f"reached:{milestone}", Type.BOOLEAN)
        start, end = self.compiler.span(node)
        message = f"customers are not asked about the milestone '{milestone}': this is never true"
        self.compiler.report.doubt(start, end, "X218", message, "give it `confirm: yes` in journey.yaml")
        return Value("false", Type.BOOLEAN, start, end, self.compiler.report.text[start:end])

    def _asked(self, node: exp.Expr, name: str) -> Value:
        """`answer('kickoff.date')`, `done('kickoff')`."""
        refuse, asked, example = self.compiler.refuse, self.compiler.scope.asked, _ASKED_AS[name]
        if asked is None:
            return refuse(node, "X219", f"{name}() is read in playbooks alone: it is about a step of theirs", "move it into the playbook")
        if len(node.expressions) != 1:
            return refuse(node, "X217", f"{name}() takes one value", f"write {example}")
        argument = node.expressions[0]
        token = self.compiler.token(argument) if argument.key == "column" else None
        if token is None or token.kind is not Kind.TEXT:
            start, end = self.compiler.span(argument)
            return refuse(
                argument, "X207", f"{name}() takes text in single quotes", f"write {name}('{self.compiler.report.text[start:end]}')"
            )
        said = str(token.value)
        known = asked.answers if name == "answer" else asked.done
        if said in known:
            return self.compiler.column(node, known[said].name, known[said].type)
        step = said.partition(".")[0]
        if step in asked.silent:
            return refuse(argument, "X219", f'the step "{step}" asks nothing', "give it `ask: {field: text}`")
        if said in asked.done:
            fields = [field for field in asked.answers if field.startswith(f"{said}.")]
            return refuse(argument, "X219", "answer() takes a step and a field", f"write answer('{fields[0]}')")
        message = f"no step asks '{said}'" if name == "answer" else f"there is no step '{said}'"
        return refuse(
            argument, "X219", message, did_you_mean(said, known) or (f"there are {', '.join(known)}" if known else f"as in {example}")
        )

    def _at_entry(self, node: exp.Expr) -> Value:
        """`at_entry(seat_usage)`: what it was when the passage began."""
        compiler = self.compiler
        if not compiler.scope.begun:
            message = "at_entry() is known once a passage has begun"
            return compiler.refuse(node, "X220", message, "ask it in goal, exit, while and steps")
        if len(node.expressions) != 1:
            return compiler.refuse(node, "X217", "at_entry() takes one value", "write at_entry(account.seats)")
        inner = type(compiler)(compiler.tokens, compiler.scope, compiler.report)
        value = inner.types.exact(inner.value(node.expressions[0]))
        start, end = compiler.span(node)
        if value.type is Type.DURATION:
            return compiler.refuse(node, "X220", "a length of time cannot be kept", "take days_since(…) of a time instead")
        names = tuple(sorted(inner.columns))
        if not value.broken and (not names or any(name.startswith(OF_PASSAGE) for name in names)):
            return compiler.refuse(node, "X220", "at_entry() takes what changes: this stays as it was", "write it without at_entry()")
        words = " ".join(compiler.report.text[slice(*compiler.span(node.expressions[0]))].split())
        of = value.type or Type.UNKNOWN
        column = kept(f"{KEPT}{words}", of)
        compiler.columns.add(column.name)
        spells = tuple(inner.spells.values())
        compiler.at_entry[column.name] = Expression(words, compiler.scope.grain, value.sql, of, names, spells=spells)
        return Value(column.to_sql(), of, start, end, compiler.report.text[start:end], broken=value.broken)

    def _held(self, node: exp.Expr) -> Value:
        """`held(changes_7d = 0, '14 days')`: it is true now, and the memory of it reaches back that far."""
        compiler, given = self.compiler, node.expressions
        if compiler.scope.spells is None:
            mend = "ask it in a playbook: held(in_segment('…'), '14 days') is about a segment"
            return compiler.refuse(node, "X221", "held() cannot be asked here: what it asks is remembered for playbooks alone", mend)
        if len(given) != 2:
            return compiler.refuse(node, "X217", "held() takes a condition and a length of time", "write held(…, '14 days')")
        inner = type(compiler)(compiler.tokens, compiler.scope, compiler.report)
        asked = inner.types.truth(inner.value(given[0]))
        length = self._length(given[1])
        start, end = compiler.span(node)
        words = compiler.report.text[start:end]
        lost = Value("NULL", Type.BOOLEAN, start, end, words, broken=True)
        if asked.broken or length is None:
            return lost
        if inner.spells:
            return compiler.refuse(given[0], "X221", "held() within held()", "ask both side by side: held(a, …) and held(b, …)")
        names = tuple(sorted(inner.columns))
        if any(name.startswith(OF_PASSAGE) for name in names):
            message = "held() asks what is so of the subject: this is its passage's"
            return compiler.refuse(given[0], "X221", message, "ask it beside held()")
        if not names:
            return compiler.refuse(given[0], "X221", "held() asks since when something is so: this hangs on nothing of the subject")
        said = " ".join(compiler.report.text[slice(*compiler.span(given[0]))].split())
        condition = Expression(said, compiler.scope.grain, f"coalesce({asked.sql}, false)", Type.BOOLEAN, names)
        since = compiler.scope.spells.since(condition)
        compiler.columns |= {since.name, *names}
        compiler.spells[since.name] = Spell(since.name, condition)
        long_enough = f"{durations.shifted_sql(since.to_sql(), length, 1)} <= getvariable('now')"
        return Value(f"({condition.sql} AND coalesce({long_enough}, false))", Type.BOOLEAN, start, end, words)

    def _length(self, node: exp.Expr) -> Duration | None:
        """The length of time that an argument is, in quotes or without; or None and a problem."""
        token = self.compiler.token(node) if node.key == "column" else None
        start, end = self.compiler.span(node)
        words = self.compiler.report.text[start:end]
        if token is None or token.kind not in (Kind.TEXT, Kind.DURATION):
            mend = durations.mend(words) if token is not None and token.kind is Kind.NUMBER else "write held(…, '14 days')"
            self.compiler.refuse(node, "X290", f"{words[:40]} is no length of time", mend)
            return None
        said = str(token.value)
        length = durations.parse(said)
        if length is None:
            self.compiler.refuse(node, "X290", f"{said[:40]!r} is no length of time", durations.mend(said))
        elif not length.amount:
            self.compiler.refuse(node, "X221", "held() for no time at all is the condition itself", "leave held() out, or say how long")
            return None
        return length

    def _call(self, node: exp.Expr, name: str, function: Function) -> Value:
        given, most = node.expressions, len(function.takes)
        if len(given) < most - function.optional or (len(given) > most and not function.repeats):
            needed = f"{most - function.optional} or {most}" if function.optional else f"{most} or more" if function.repeats else str(most)
            return self.compiler.refuse(node, "X217", f"{name}() takes {needed} value(s), not {len(given)}")
        arguments = [self.compiler.value(argument) for argument in given]
        if SAME in function.takes:
            arguments = self.compiler.types.alike(arguments)
            result = next((a.type for a in arguments if a.type is not None), None)
        else:
            takes = [*function.takes, *function.takes[-1:] * len(given)]
            arguments = [self._argument(a, wanted, name) for a, wanted in zip(arguments, takes, strict=False)]
            result = Type(function.gives)
        sqls = [a.sql for a in arguments]
        sql = function.sql.format(*sqls, all=", ".join(sqls))
        start, end = self.compiler.span(node)
        made = self.compiler.made(sql, result, *arguments)
        return replace(made, start=start, end=end, words=self.compiler.report.text[start:end])

    def _argument(self, value: Value, wanted: Type | str, name: str) -> Value:
        if wanted == "digits":
            if not (isinstance(value.literal, int) and not isinstance(value.literal, bool) and 0 <= value.literal <= 10):
                self.compiler.report.add(value.start, value.end, "X217", f"{name}() takes a number of digits from 0 to 10")
                return replace(value, broken=True)
            return value
        value = self.compiler.types.want(value, Type(wanted), f"{name}()")
        return replace(value, sql=double(value), is_double=True) if wanted is Type.NUMBER else value
