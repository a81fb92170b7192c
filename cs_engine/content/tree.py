"""A mail's body as a tree, with Jinja's blocks as branches of it: what both the HTML and the text are written from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cs_engine.content.guard import BRANCHES, OPENERS, Piece

LISTS = frozenset({"bullet_list", "ordered_list"})


@dataclass(slots=True)
class Node:
    """An element, a text, a Jinja `tag`, or a `group`: an opening tag, what is in it, its branches, and its closing tag."""

    kind: str
    children: list[Node] = field(default_factory=list)
    text: str = ""
    """Of texts and code; the title of links and images."""
    href: str = ""
    level: int = 0
    """Of headings; the first number of ordered lists."""
    align: str = ""
    piece: Piece | None = None

    @property
    def keyword(self) -> str:
        return self.piece.keyword if self.piece else ""


Report = Callable[[Piece], None]
"""Called for a tag that has no partner among its siblings."""


def arranged(node: Node, report: Report) -> Node:
    """The tree with its tags grouped, conditional paragraphs and items pulled out of their shells, and split lists joined."""
    children = [arranged(child, report) for child in node.children]
    node.children = joined_lists(grouped(children, report))
    if node.kind in {"paragraph", "tight", "list_item"} and len(node.children) == 1 and _conditional(node.children[0]):
        return _pulled_out(node)
    return node


def grouped(children: list[Node], report: Report) -> list[Node]:
    """Each opening tag with all up to its closing one becomes a group."""
    top: list[Node] = []
    stack: list[list[Node]] = [top]
    for child in children:
        if child.kind != "tag":
            stack[-1].append(child)
        elif child.keyword in OPENERS or child.keyword == "setblock":
            group = [child]
            stack[-1].append(Node("group", group))
            stack.append(group)
        elif child.keyword in BRANCHES or child.keyword.startswith("end"):
            if len(stack) == 1 or not _fits(stack[-1][0].keyword, child.keyword):
                assert child.piece is not None
                report(child.piece)
                continue
            stack[-1].append(child)
            if child.keyword.startswith("end"):
                stack.pop()
        else:
            stack[-1].append(child)
    for unclosed in stack[1:]:
        piece = unclosed[0].piece
        assert piece is not None
        report(piece)
    return top


def _fits(opener: str, keyword: str) -> bool:
    if keyword in BRANCHES:
        return opener == "if" or (opener == "for" and keyword == "else")
    return keyword == "end" + opener.removesuffix("block")


def _conditional(node: Node) -> bool:
    """An `if` without `else`: what it stands alone in goes with it."""
    return (
        node.kind == "group"
        and node.children[0].keyword == "if"
        and not any(c.keyword in BRANCHES for c in node.children if c.kind == "tag")
    )


def _pulled_out(shell: Node) -> Node:
    """`<p>{% if %}…{% endif %}</p>` as `{% if %}<p>…</p>{% endif %}`."""
    first, *inner, last = shell.children[0].children
    content = Node(shell.kind, inner)
    if len(inner) == 1 and _conditional(inner[0]):
        content = _pulled_out(content)
    return Node("group", [first, content, last])


def joined_lists(children: list[Node]) -> list[Node]:
    """Lists that only tags divide become one list, so that a loop makes items and not lists."""
    out: list[Node] = []
    run: list[Node] = []
    for child in [*children, Node("end")]:
        kind = list_kind(child)
        if run and kind != list_kind(run[0]):
            out += _one_list(run)
            run = []
        if kind:
            run.append(child)
        else:
            out.append(child)
    return out[:-1]


def list_kind(node: Node) -> str:
    """bullet_list or ordered_list when the node is a list, or a group of nothing but such lists; '' else."""
    if node.kind in LISTS:
        return node.kind
    if node.kind != "group":
        return ""
    kinds = {list_kind(child) for child in node.children if child.kind != "tag"}
    return kinds.pop() if len(kinds) == 1 else ""


def _one_list(run: list[Node]) -> list[Node]:
    alone = len(run) == 1
    if alone and (run[0].kind in LISTS or run[0].children[0].keyword != "for"):
        return run
    kind = list_kind(run[0])
    first = next(_lists(run))
    return [Node(kind, [item for node in run for item in _items(node)], level=first.level)]


def _lists(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.kind in LISTS:
            yield node
        elif node.kind == "group":
            yield from _lists(node.children)


def _items(node: Node) -> list[Node]:
    """The items of a list, or a group with items in place of its lists."""
    if node.kind in LISTS:
        return node.children
    if node.kind == "tag":
        return [node]
    return [Node("group", [item for child in node.children for item in _items(child)])]


def holds_button(node: Node) -> bool:
    """Whether a button stands among the top blocks of a group, at any depth of groups."""
    return node.kind == "button" or (node.kind == "group" and any(holds_button(child) for child in node.children))
