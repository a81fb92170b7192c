"""A tree written as MJML components: runs of text, buttons, and Jinja between them. Jinja is still hidden."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from cs_engine.content import links, sandbox
from cs_engine.content.faults import Faults
from cs_engine.content.guard import Guard, Piece
from cs_engine.content.markdown import is_wide
from cs_engine.content.tree import Node, holds_button


def url(href: str, guard: Guard, faults: Faults) -> str:
    """The URL with each value checked or quoted as its position asks."""
    parts = list(guard.split(href))
    tags = [part for part in parts if isinstance(part, Piece) and part.kind != "value"]
    starts_with_value = bool(parts) and isinstance(parts[0], Piece)
    if tags or not (starts_with_value or links.is_allowed(href)):
        faults.url(href, tags)
        return ""
    out = ""
    query = False
    for number, part in enumerate(parts):
        if isinstance(part, str):
            out += part
            query = query or "?" in part or "#" in part
        elif number == 0:
            out += guard.filtered(part, sandbox.URL)
        else:
            out += guard.filtered(part, sandbox.QUERY_PART if query else sandbox.PATH_PART)
    return out


def joint(before: Node | None, after: Node | None) -> str:
    """What a line's end between two inline nodes becomes: nothing between full-width characters, a space else."""
    left, right = _edge(before, -1), _edge(after, 0)
    return "" if left and right and is_wide(left) and is_wide(right) else " "


def _edge(node: Node | None, index: int) -> str:
    while node is not None and node.kind != "text":
        if node.kind == "code" or not node.children:
            return node.text[index:][:1] if node.text else ""
        node = node.children[index]
    return node.text[index:][:1] if node is not None and node.text else ""


_WRAPPED = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "thead": "thead",
    "tbody": "tbody",
    "row": "tr",
    "strong": "strong",
    "em": "em",
    "list_item": "li",
}


@dataclass(frozen=True, slots=True)
class HtmlWriter:
    guard: Guard
    faults: Faults

    def components(self, nodes: list[Node]) -> str:
        """MJML: neighbouring texts share an mj-text; a tag that holds a button stands between components as mj-raw."""
        out: list[str] = []
        run: list[Node] = []
        for node in [*nodes, Node("end")]:
            apart = node.kind in {"button", "end"} or holds_button(node)
            if not apart:
                run.append(node)
                continue
            if run:
                out.append(f"<mj-text>{self.blocks(run)}</mj-text>")
                run = []
            if node.kind == "button":
                out.append(f'<mj-button href="{self._url(node.href)}">{self.inline(node.children)}</mj-button>')
            elif node.kind == "group":
                out.append(self._group(node))
        return "".join(out)

    def _group(self, group: Node) -> str:
        out: list[str] = []
        run: list[Node] = []
        for child in group.children:
            if child.kind == "tag":
                out += [self.components(run), f"<mj-raw>{self._tag(child)}</mj-raw>"]
                run = []
            else:
                run.append(child)
        return "".join(out)

    def _tag(self, node: Node) -> str:
        """A comment: it may stand anywhere in HTML, in a table too, and is not moved."""
        assert node.piece is not None
        return f"<!--{self.guard.hide(node.piece)}-->"

    def _url(self, href: str) -> str:
        return escape(url(href, self.guard, self.faults))

    def blocks(self, nodes: list[Node]) -> str:
        return "".join(self._node(node) for node in nodes)

    def inline(self, nodes: list[Node]) -> str:
        out = []
        for number, node in enumerate(nodes):
            if node.kind == "softbreak":
                out.append(joint(nodes[number - 1] if number else None, nodes[number + 1] if number + 1 < len(nodes) else None))
            else:
                out.append(self._node(node))
        return "".join(out)

    def _node(self, node: Node) -> str:
        match node.kind:
            case "text":
                return escape(node.text, quote=False)
            case "tag":
                return self._tag(node)
            case "code":
                return f"<code>{escape(node.text, quote=False)}</code>"
            case "code_block":
                return f"<pre>{escape(node.text, quote=False)}</pre>"
            case "image":
                return f'<img src="{self._url(node.href)}" alt="{escape(node.text)}">'
            case "hardbreak":
                return "<br>"
            case "hr":
                return "<hr>"
            case _:
                return self._element(node)

    def _element(self, node: Node) -> str:
        match node.kind:
            case "group" | "tight":
                return self.inline(node.children)
            case "heading":
                return f"<h{node.level}>{self.inline(node.children)}</h{node.level}>"
            case "ordered_list":
                start = f' start="{node.level}"' if node.level != 1 else ""
                return f"<ol{start}>{self.blocks(node.children)}</ol>"
            case "table":
                return f'<table class="data" cellpadding="0" cellspacing="0">{self.blocks(node.children)}</table>'
            case "th" | "td":
                align = f' style="text-align: {node.align};"' if node.align else ""
                return f"<{node.kind}{align}>{self.inline(node.children)}</{node.kind}>"
            case "link" | "button":
                title = f' title="{escape(node.text)}"' if node.text else ""
                return f'<a href="{self._url(node.href)}"{title}>{self.inline(node.children)}</a>'
            case kind:
                return f"<{_WRAPPED[kind]}>{self.inline(node.children)}</{_WRAPPED[kind]}>"
