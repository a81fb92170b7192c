"""Which names a template reads, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jinja2 import nodes

from cs_engine.content import names, questions
from cs_engine.content.guard import lexing, pieces
from cs_engine.content.source import Span
from cs_engine.language.problems import Place

GROUPS = frozenset({"contact", "account", "champion", "csm", "sender", "vars", "milestone", "company", "playbook", "cta", "event"})
"""Names that stand for several values: `contact.name`, never `contact` alone."""

ENGINE = frozenset({
    "csm.name", "csm.email", "csm.signature", "sender.name", "sender.email", "sender.signature",
    "company.name", "company.postal_address", "company.contact", "playbook.id", "playbook.title", "now", "timezone", "locale",
})  # fmt: skip
"""What every template may read, whatever the project has."""
ENGINE_MAIL = frozenset({"unsubscribe_url", "preferences_url"})
ENGINE_ASKING = frozenset({questions.NAME})
"""What a mail of a step that asks may read, and must: else nobody could answer."""
ENGINE_MILESTONE = frozenset({f"milestone.{name}" for name in ("id", "title", "guide", "video", "confirm")})
ENGINE_WORD = frozenset({"milestone.word", "milestone.said"})
"""What a CTA about a milestone that a customer does not confirm may read beside that: why it fired, and what they wrote."""
ENGINE_CTA = frozenset({"cta.priority", "cta.due", "cta.title"})

ASKED = ("answer", "done")
"""What reads answers: `answer('kickoff.date')`, `done('kickoff')`. It looks like a call, and is the name `answer:kickoff.date`."""
_ASKED = re.compile(rf"({'|'.join(ASKED)})\s*\(\s*(['\"])([^'\"]*)\2\s*\)")

ADDRESSED = ("contact", "account", "champion", "csm", "sender")


def asked_in(node: nodes.Node) -> tuple[str, str] | None:
    """(answer, kickoff.date) of a node that reads an answer; None for all others."""
    match node:
        case nodes.Call(node=nodes.Name(name=name), args=[nodes.Const(value=str(said))], kwargs=[], dyn_args=None, dyn_kwargs=None):
            return (name, said) if name in ASKED else None
    return None


def is_asked(name: str) -> bool:
    """Whether a name that a template reads is an answer."""
    return name.partition(":")[0] in ASKED and ":" in name


class Reads(NamedTuple):
    """The dotted names a template reads: it fails without its needs, and uses its wants where the project has them."""

    needs: frozenset[str]
    wants: frozenset[str]
    whole: frozenset[str]
    """Groups that stand alone where only a value can."""

    def joined(self, other: Reads) -> Reads:
        return Reads(self.needs | other.needs, self.wants | other.wants, self.whole | other.whole)


NOTHING = Reads(frozenset(), frozenset(), frozenset())


class _Walk:
    def __init__(self) -> None:
        self.needs: set[str] = set()
        self.wants: set[str] = set()
        self.whole: set[str] = set()

    def visit(self, node: nodes.Node, bound: frozenset[str]) -> None:  # noqa: PLR0912 - one case a kind of node
        match node:
            case nodes.For():
                self.visit(node.iter, bound)
                inner = bound | set(_targets(node.target)) | {"loop"}
                if node.test is not None:
                    self.visit(node.test, inner)
                self.body(node.body, inner)
                self.body(node.else_, bound)
            case nodes.With():
                for value in node.values:
                    self.visit(value, bound)
                self.body(node.body, bound | {name for target in node.targets for name in _targets(target)})
            case nodes.Template():
                self.body(node.body, bound)
            case nodes.If():
                self.visit(node.test, bound)
                # What is set in a branch is known after it: Jinja's `if` opens no scope.
                self.body(node.body, bound)
                for branch in node.elif_:
                    self.visit(branch, bound)
                self.body(node.else_, bound)
            case nodes.Filter(name="date"):
                self.wants |= {"contact.timezone", "account.timezone"}
                self.children(node, bound)
            case nodes.Filter(name="addressee", node=nodes.Name(name=name)) if name in ADDRESSED and name not in bound:
                self.addressed(name)
            case nodes.Name(ctx="load"):
                self.name(node.name, bound)
            case nodes.Getattr() | nodes.Getitem():
                self.dotted(node, bound)
            case nodes.Call():
                self.call(node, bound)
            case _:
                self.children(node, bound)

    def body(self, body: list[nodes.Node], bound: frozenset[str]) -> None:
        for node in body:
            self.visit(node, bound)
            bound |= _set_by(node)

    def children(self, node: nodes.Node, bound: frozenset[str]) -> None:
        for child in node.iter_child_nodes():
            self.visit(child, bound)

    def name(self, name: str, bound: frozenset[str]) -> None:
        if name in bound:
            return
        (self.whole if name in GROUPS else self.needs).add(name)

    def call(self, node: nodes.Call, bound: frozenset[str]) -> None:
        if (asked := asked_in(node)) is not None:
            self.needs.add(":".join(asked))
        else:
            self.children(node, bound)

    def addressed(self, group: str) -> None:
        self.needs.add(f"{group}.name")
        if group in {"contact", "champion"}:
            self.needs.add("account.name")
            self.wants |= {f"{group}.{want}" for want in names.PERSON_WANTS}

    def dotted(self, node: nodes.Getattr | nodes.Getitem, bound: frozenset[str]) -> None:
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        root = node.node
        if isinstance(root, nodes.Name) and root.name in GROUPS and root.name not in bound and isinstance(key, str):
            self.needs.add(f"{root.name}.{key}")
            return
        self.children(node, bound)


def _targets(target: nodes.Node) -> Iterator[str]:
    if isinstance(target, nodes.Name):
        yield target.name
    for child in target.find_all(nodes.Name):
        yield child.name


def _set_by(node: nodes.Node) -> set[str]:
    if isinstance(node, nodes.If):
        return {name for part in (node.body, node.elif_, node.else_) for child in part for name in _set_by(child)}
    return set(_targets(node.target)) if isinstance(node, (nodes.Assign, nodes.AssignBlock)) else set()


def reads(tree: nodes.Template) -> Reads:
    """The names that a template's tree reads from its context; loop and set variables are its own."""
    walk = _Walk()
    walk.visit(tree, frozenset())
    return Reads(frozenset(walk.needs), frozenset(walk.wants), frozenset(walk.whole))


def places(span: Span) -> Iterator[tuple[str, Place]]:
    """Every dotted name in the template's Jinja, and where it stands; groups alone, and answers, too. It must be well-formed."""
    for piece in pieces(span.text):
        for asked in _ASKED.finditer(piece.text) if piece.kind in ("value", "statement") else ():
            yield f"{asked[1]}:{asked[3]}", span.place(piece.offset + asked.start(), len(asked[0]))
    source = span.text
    position = 0
    chain: list[str] = []
    start = 0
    dotted = False
    inside = False
    for _, kind, value in [*lexing().lex(source), (0, "data", "")]:
        found = max(source.find(value, position), position)
        position = found + len(value)
        inside = inside or kind in {"variable_begin", "block_begin"}
        if kind == "name" and inside and dotted:
            chain.append(value)
        elif kind == "operator" and value == "." and chain:
            dotted = True
            continue
        elif kind != "whitespace":
            if chain:
                name = ".".join(chain[: 2 if chain[0] in GROUPS else 1])
                yield name, span.place(start, len(name))
            chain = []
            if kind == "name" and inside:
                chain, start = [value], found
        if kind in {"variable_end", "block_end"}:
            inside = False
        dotted = False
