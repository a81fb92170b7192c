"""Where templates run: Jinja's immutable sandbox, and a short list of what a template may say.

Contexts hold nested dicts of plain values. Names are looked up as items, never as attributes, so `account.items` is a
column and no dict has methods here; there are no calls, includes, macros or globals. That is safer than the stock
sandbox and faster: its failed attribute lookup before each item lookup is what costs most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from cs_engine.content import formats, links, names, spots, variables

URL, PATH_PART, QUERY_PART, NAMED = "_url", "_path_part", "_query_part", "_named"
"""Filters that the compiler puts in; authors cannot write them."""

STOCK_FILTERS = frozenset({
    "abs", "batch", "capitalize", "count", "e", "escape", "first", "float", "int", "join", "last", "length", "list", "lower", "max",
    "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "slice", "sort", "string", "sum", "title",
    "trim", "truncate", "unique", "upper", "urlencode",
})  # fmt: skip
OWN_FILTERS = frozenset({"addressee", "d", "date", "default", "lines", "number"})
STOCK_TESTS = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne",
    "none", "number", "odd", "sameas", "string", "true", "undefined", "==", "!=", ">", ">=", "<", "<=",
})  # fmt: skip
STATEMENTS = ("if", "for", "set", "with")

ALLOWED_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair,
    nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare,
    nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Not, nodes.Neg, nodes.Pos, nodes.And,
    nodes.Or, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.With,
)  # fmt: skip


class Missing(StrictUndefined):
    """A name that the context lacks. Its error says the name alone."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def lines(value: Any) -> Markup:
    """Text of several lines with a <br> at each line's end."""
    return Markup("<br>").join(escape(line) for line in ("" if value is None else str(value)).splitlines())


def plain_lines(value: Any) -> str:
    return "" if value is None else str(value)


class Sandbox(ImmutableSandboxedEnvironment):
    """One locale's environment: `html` escapes what it prints, text does not; `escaping` is another way to escape (Slack's)."""

    intercepted_binops = frozenset({"*", "%"})

    def __init__(self, locale: str, *, html: bool, escaping: Callable[[str], str] | None = None) -> None:
        written = formats.bare(locale)
        finalize = written if escaping is None else _escaped(written, escaping)
        super().__init__(autoescape=html, undefined=Missing, finalize=finalize, keep_trailing_newline=True, cache_size=0)
        self.globals.clear()
        self.filters = {name: FILTERS[name] for name in STOCK_FILTERS}
        self.filters |= {
            "addressee": formats.addressee_filter(locale),
            "date": formats.date_filter(locale),
            "number": formats.number,
            "default": formats.default,
            "d": formats.default,
            "lines": lines if html else plain_lines,
            URL: links.whole_url,
            PATH_PART: links.path_part,
            QUERY_PART: links.query_part,
            NAMED: names.named_ja,
        }
        self.tests = {name: TESTS[name] for name in STOCK_TESTS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """The tree, in which `answer('kickoff.date')` is an item of `answer`: nothing is called."""
        tree: nodes.Template = _Items(self).visit(super()._parse(source, name, filename))
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` is an item of a dict, or one of the few attributes of `loop`; nothing else has any."""
        if obj.__class__ is dict:
            try:
                return obj[attribute]
            except KeyError:
                return Missing(name=attribute)
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return Missing(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`a['b']`, `a[0]`: items of dicts, lists and texts."""
        if obj.__class__ in (dict, list, tuple, str):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return Missing(name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers only: `text * 1000000000` is a way to fill the memory, and so is `text % width`."""
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            if isinstance(left, StrictUndefined) or isinstance(right, StrictUndefined):
                return str(left) + str(right)
            raise SecurityError(operator)
        return super().call_binop(context, operator, left, right)


class _Items(NodeTransformer):
    """Makes items of what reads answers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - as Jinja finds it
        asked = variables.asked_in(node)
        if asked is None:
            return self.generic_visit(node)
        item = nodes.Getitem(nodes.Name(asked[0], "load"), nodes.Const(asked[1]), "load")
        return item.set_lineno(node.lineno).set_environment(self._sandbox)


def _escaped(written: Callable[[Any], Any], escaping: Callable[[str], str]) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        return escaping(str(written(value)))

    return finalize


def slack_escape(text: str) -> str:
    """Slack's own escaping: `<!channel>` from data is text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=64)
def html_sandbox(locale: str) -> Sandbox:
    return Sandbox(locale, html=True)


@lru_cache(maxsize=64)
def text_sandbox(locale: str) -> Sandbox:
    return Sandbox(locale, html=False)


@lru_cache(maxsize=64)
def slack_sandbox(locale: str) -> Sandbox:
    return Sandbox(locale, html=False, escaping=slack_escape)


def compiled(sandbox: Sandbox, text: str, locale: str) -> Template:
    """Compiles; the template knows its `locale`. Raises TemplateSyntaxError."""
    return sandbox.from_string(text, globals={"locale": locale})


class Forbidden(NamedTuple):
    """What a template may not say."""

    line: int
    kind: spots.Kind
    word: str
    """The word that it is about, as `spots` has it."""
    what: str
    mend: str


def forbidden(tree: nodes.Template) -> Iterator[Forbidden]:
    """What a template may not say, in no order."""
    bound = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    called = {id(node.node) for node in tree.find_all(nodes.Call)}
    for node in _all(tree):
        line = node.lineno or 1
        if isinstance(node, nodes.Call):
            if variables.asked_in(node) is not None:
                continue
            if isinstance(node.node, nodes.Name) and node.node.name in variables.ASKED:
                name, example = node.node.name, {"answer": "kickoff.date", "done": "kickoff"}[node.node.name]
                yield Forbidden(line, "call", name, f"{name}() takes one text in quotes", f"write `{name}('{example}')`")
                continue
            yield Forbidden(line, "call", _last_word(node.node), "a template calls nothing", "use a filter: `{{ value | number }}`")
        elif isinstance(node, nodes.Name) and node.name == "self" and "self" not in bound:
            yield Forbidden(line, "name", "self", 'a template has no "self"', "name the value that you mean, as `contact.name`")
        elif isinstance(node, nodes.For) and node.recursive:
            yield Forbidden(line, "statement", "recursive", "a recursive loop", "write a plain `{% for … %}`")
        elif isinstance(node, nodes.Filter) and node.name not in STOCK_FILTERS | OWN_FILTERS:
            mend = _suggestion(node.name, STOCK_FILTERS | OWN_FILTERS)
            yield Forbidden(line, "filter", node.name, f'unknown filter "{node.name}"', mend)
        elif isinstance(node, nodes.Test) and node.name not in STOCK_TESTS:
            yield Forbidden(line, "test", node.name, f'unknown test "{node.name}"', _suggestion(node.name, STOCK_TESTS))
        elif isinstance(node, (nodes.Getattr, nodes.Getitem)):
            if id(node) not in called and (word := _last_word(node)) and _has_no_names(node, word, bound):
                yield Forbidden(line, "attribute", word, f'a value has no "{word}"', "use a filter: `{{ value | upper }}`")
        elif not isinstance(node, ALLOWED_NODES):
            word = type(node).__name__.lower()
            kind: spots.Kind = "operator" if word in _OPERATORS else "statement"
            said = _OPERATORS.get(word) or _KEYWORDS.get(word, word)
            mend = f"there are {', '.join(STATEMENTS)} and filters"
            yield Forbidden(line, kind, said, f'"{word}" has no place in a template', mend)


_OPERATORS = {"pow": "**"}
_KEYWORDS = {"callblock": "call", "filterblock": "filter", "fromimport": "from", "exprstmt": "do"}
"""Jinja's names of nodes -> the words that authors write, where these differ."""


def _last_word(node: nodes.Node) -> str:
    """`upper` of `a.b.upper` and of `a['upper']`; '' where there is none."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return node.attr
    key = getattr(node.arg, "value", "") if isinstance(node, nodes.Getitem) else ""
    return key if isinstance(key, str) else ""


def _has_no_names(node: nodes.Getattr | nodes.Getitem, word: str, bound: set[str]) -> bool:
    """Whether nothing can stand at that name, so that the template would fail whenever it runs: text and numbers have no attributes.

    What loops and `set` bind may be anything, except for what Python keeps between underscores.
    """
    root = node.node
    if isinstance(root, nodes.Name):
        return word.startswith("__") and (root.name in bound or root.name == "loop")
    if isinstance(root, (nodes.Getattr, nodes.Getitem)):
        inner = root.node
        return word.startswith("__") or (isinstance(inner, nodes.Name) and inner.name in variables.GROUPS - bound)
    return word.startswith("__") or not isinstance(root, (nodes.Filter, nodes.Dict, nodes.CondExpr, nodes.Or, nodes.And))


def _all(tree: nodes.Template) -> Iterator[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)


def _suggestion(word: str, known: frozenset[str]) -> str:
    from cs_engine.language.problems import did_you_mean

    return did_you_mean(word, known) or f"known are {', '.join(sorted(w for w in known if w.isalpha()))}"
