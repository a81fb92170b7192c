"""What is the same in all mails of a kind is written into their template once: Jinja's own constants, worked out when it is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from jinja2 import Template, nodes
from jinja2.nodes import EvalContext, Impossible
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from cs_engine.content.sandbox import Sandbox


class Shared(NamedTuple):
    """Values that many contexts have alike."""

    key: bytes
    """The same for the same values, of all processes; b'' where they cannot be told apart."""
    values: Mapping[str, Any]
    """Nested as a context is."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Shared:
        try:
            return cls(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), values)
        except TypeError:  # of a kind that JSON does not know
            return cls(b"", values)


NOTHING_SHARED = Shared(b"", {})


def folded(sandbox: Sandbox, text: str, values: Mapping[str, Any]) -> Template:
    """Compiles a template in which the texts among `values` are constants: it writes what it would have written with them.

    The others are still read from the context, which has them all. Only texts are folded: a blank, a number or a yes is written in ways
    that are decided when it is.
    """
    tree = sandbox.parse(text)
    bound = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    known = {name: value for name, value in values.items() if name not in bound}
    made: nodes.Template = _Folding(sandbox, known).visit(tree)
    return Template.from_code(sandbox, sandbox.compile(made), {})


class _Folding(NodeTransformer):
    def __init__(self, sandbox: Sandbox, values: Mapping[str, Any]) -> None:
        self._sandbox, self._values = sandbox, values
        self._evaluation = EvalContext(sandbox)

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """What stands side by side once branches are gone is written at once."""
        made = super().generic_visit(node, *args, **kwargs)
        for field in ("body", "else_"):
            if isinstance(body := getattr(made, field, None), list):
                setattr(made, field, _joined(body))
        return made

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802 - as Jinja finds it
        node.nodes = [self._written(child) for child in node.nodes]
        return node

    def _written(self, child: nodes.Expr) -> nodes.Expr:
        """What is printed, as it will be printed where it is constant now: Jinja finalizes its own constants after escaping them."""
        if self._value(child) is not _OPEN or (value := self._value(made := self.visit(child))) is _OPEN:
            return child
        text = self._sandbox.finalize(value) if self._sandbox.finalize is not None else value
        text = escape(text) if self._sandbox.autoescape else str(text)
        return nodes.TemplateData(str(text), lineno=made.lineno, environment=self._sandbox)

    def _value(self, node: nodes.Expr) -> Any:
        try:
            return node.as_const(self._evaluation)
        except Impossible:
            return _OPEN

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 - as above
        return self._constant(node, self._values.get(node.name))

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 - as above
        group = self._values.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        return self._constant(node, group.get(node.attr)) if isinstance(group, dict) else self.generic_visit(node)

    def visit_If(self, node: nodes.If) -> list[nodes.Node]:  # noqa: N802 - as above
        """The branches that may be taken: those that come before one that always is."""
        left: list[tuple[nodes.Expr, list[nodes.Node]]] = []
        otherwise = self._all(node.else_)
        for branch in (node, *node.elif_):
            test, body = self.visit(branch.test), self._all(branch.body)
            if (value := self._value(test)) is _OPEN:
                left.append((test, body))
            elif value:
                otherwise = body
                break
        if not left:
            return otherwise
        first, *others = (nodes.If(test, body, [], [], lineno=node.lineno, environment=self._sandbox) for test, body in left)
        first.elif_, first.else_ = others, otherwise
        return [first]

    def _all(self, body: list[nodes.Node]) -> list[nodes.Node]:
        return _joined([made for node in body for made in self.visit_list(node)])

    def _constant(self, node: nodes.Node, value: Any) -> nodes.Node:
        return nodes.Const(value, lineno=node.lineno, environment=self._sandbox) if value.__class__ is str else node


_OPEN = object()
"""What is known only when it is written."""


def _joined(body: list[nodes.Node]) -> list[nodes.Node]:
    made: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output) and made and isinstance(made[-1], nodes.Output):
            made[-1].nodes += node.nodes
        else:
            made.append(node)
    return made
