"""Markdown with Jinja in it -> a tree. HTML in it is text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from unicodedata import east_asian_width

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import table as table_rule
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import EnvType

from cs_engine.content.guard import BRANCHES, OPENERS, Guard, Piece
from cs_engine.content.tree import Node, Report, arranged


def parsed(text: str, guard: Guard, report: Report) -> Node:
    """The tree of a protected Markdown text, arranged. `report` hears of tags that do not nest with the Markdown."""
    tokens = _parser().parse(text, {"guard": guard})
    root = Node("root", [node for child in SyntaxTreeNode(tokens).children for node in _nodes(child, guard)])
    return arranged(root, report)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False}).enable("table")
    md.inline = _Inline()
    # Every scheme is parsed, and judged where the URL is written: javascript: is refused there, in words.
    md.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    md.block.ruler.before("table", "jinja", _jinja_lines, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return md


# --- lines that are only tags ----------------------------------------------------------------------------------------


def _tags_in(state: StateBlock, line: int) -> list[Piece]:
    """The tags of a line that holds nothing else."""
    text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    found: list[Piece] = []
    for part in state.env["guard"].split(text):
        if isinstance(part, Piece) and part.kind == "statement":
            found.append(part)
        elif not isinstance(part, str) or part.strip(" |"):
            return []
    return found


def _jinja_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: ARG001
    """A line of nothing but tags divides blocks, as a heading does. In a table it is a row (see _row_tag)."""
    if state.parentType == "table" or state.is_code_block(start):
        return False
    tags = _tags_in(state, start)
    if not tags:
        return False
    if not silent:
        for tag in tags:
            token = state.push("jinja", "", 0)
            token.meta = {"piece": tag}
        state.line = start + 1
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table ends before a tag that closes or divides what was opened above it."""
    depth = 0
    for line in range(start, end):
        if state.isEmpty(line):
            break
        for tag in _tags_in(state, line):
            if tag.keyword in OPENERS:
                depth += 1
            elif tag.keyword.startswith("end"):
                depth -= 1
            if depth < 0 or (depth == 0 and tag.keyword in BRANCHES):
                return table_rule(state, start, line, silent)
    return table_rule(state, start, end, silent)


# --- emphasis beside Japanese ------------------------------------------------------------------------------------------


class _State(StateInline):
    """`**「重要」**です` is bold: beside a full-width character, or Jinja, punctuation does not keep emphasis from closing or opening."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        if self.src[start] != "*" or not (self._loose_before(start) or self._loose_after(end)):
            return scanned
        before = self.src[start - 1 : start] or " "
        after = self.src[end : min(end + 1, self.posMax)] or " "
        return Scanned(scanned.can_open or not after.isspace(), scanned.can_close or not before.isspace(), scanned.length)

    def _loose_before(self, at: int) -> bool:
        return at > 0 and (is_wide(self.src[at - 1]) or self.env["guard"].ends_in_word(self.src[:at]))

    def _loose_after(self, at: int) -> bool:
        return at < self.posMax and (is_wide(self.src[at]) or self.env["guard"].pattern.match(self.src, at) is not None)


class _Inline(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def is_wide(character: str) -> bool:
    """Whether it is written without spaces around it: kana, kanji, full-width marks."""
    return east_asian_width(character[:1] or " ") in "WF"


# --- tokens to nodes ---------------------------------------------------------------------------------------------------

_SAME = frozenset({
    "bullet_list", "list_item", "blockquote", "table", "thead", "tbody", "strong", "em", "hr", "softbreak", "hardbreak",
})  # fmt: skip


_CODE = {"code_inline": "code", "fence": "code_block", "code_block": "code_block"}


def _nodes(tree: SyntaxTreeNode, guard: Guard) -> list[Node]:
    kind = tree.type
    match kind:
        case "inline":
            return _children(tree, guard)
        case "text" | "code_inline" | "fence" | "code_block":
            return _texts(tree.content, guard) if kind == "text" else [Node(_CODE[kind], text=tree.content)]
        case "jinja":
            return [Node("tag", piece=tree.meta["piece"])]
        case "paragraph":
            return _paragraph(_children(tree, guard), hidden=tree.hidden)
        case "heading":
            return [Node("heading", _children(tree, guard), level=int(tree.tag[1]))]
        case "ordered_list":
            return [Node("ordered_list", _children(tree, guard), level=int(tree.attrs.get("start", 1)))]
        case "tr":
            return _row(_children(tree, guard))
        case "th" | "td":
            return [Node(kind, _children(tree, guard), align=str(tree.attrs.get("style", "")).removeprefix("text-align:"))]
        case "link":
            return [Node("link", _children(tree, guard), href=str(tree.attrs["href"]), text=str(tree.attrs.get("title", "")))]
        case "image":
            return [Node("image", href=str(tree.attrs["src"]), text=tree.content)]
        case _:
            assert kind in _SAME, kind
            return [Node(kind, _children(tree, guard))]


def _children(tree: SyntaxTreeNode, guard: Guard) -> list[Node]:
    return [node for child in tree.children for node in _nodes(child, guard)]


def _texts(text: str, guard: Guard) -> list[Node]:
    """Text cut at its tags; values stay hidden in it."""
    found: list[Node] = []
    for part in guard.split(text):
        if isinstance(part, Piece) and part.kind == "statement":
            found.append(Node("tag", piece=part))
        else:
            word = part if isinstance(part, str) else guard.hide(part)
            if found and found[-1].kind == "text":
                found[-1].text += word
            else:
                found.append(Node("text", text=word))
    return found


def _paragraph(children: list[Node], *, hidden: bool) -> list[Node]:
    """A paragraph that is only `**[Text](url)**`, perhaps between `{% if … %}` and `{% endif %}`, is a button."""
    if not hidden:
        before = [c for c in children[:1] if c.kind == "tag"]
        after = [c for c in children[1:][-1:] if c.kind == "tag"]
        if link := _bold_link(children[len(before) : len(children) - len(after)]):
            return [*before, Node("button", link.children, href=link.href), *after]
    return [Node("tight" if hidden else "paragraph", children)]


def _bold_link(children: Sequence[Node]) -> Node | None:
    solid = [child for child in children if not (child.kind == "text" and not child.text.strip())]
    if len(solid) != 1 or solid[0].kind != "strong" or len(solid[0].children) != 1:
        return None
    inner = solid[0].children[0]
    return inner if inner.kind == "link" else None


def _row(cells: list[Node]) -> list[Node]:
    """A row that came of a line of tags is those tags."""
    inside = [child for cell in cells for child in cell.children]
    tags = [child for child in inside if child.kind == "tag"]
    return tags if tags and len(tags) == len(inside) else [Node("row", cells)]
