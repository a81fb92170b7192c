"""A tree written as the plain text that people without HTML read. Jinja is still hidden."""

from __future__ import annotations

from dataclasses import dataclass

from cs_engine.content.as_html import joint, url
from cs_engine.content.faults import Faults
from cs_engine.content.guard import Guard, Piece
from cs_engine.content.tree import LISTS, Node

RULE = "-" * 40


@dataclass(frozen=True, slots=True)
class TextWriter:
    guard: Guard
    faults: Faults

    def blocks(self, nodes: list[Node], indent: str = "") -> str:
        """Each block ends with an empty line, inside its condition, so that what is left out leaves no gap."""
        return "".join(self._block(node, indent) for node in nodes)

    def _block(self, node: Node, indent: str) -> str:
        match node.kind:
            case "tag":
                return self._tag(node)
            case "group":
                return self.blocks(node.children, indent)
            case "bullet_list" | "ordered_list":
                items = self._items(node, indent)
                return items if indent else f"{items}\n"
            case "blockquote":
                return self.blocks(node.children, f"{indent}> ")
            case "table":
                return f"{self._rows(node.children, indent)}\n"
            case "code_block":
                return _indented(node.text.rstrip("\n"), f"{indent}    ", f"{indent}    ") + "\n\n"
            case "hr":
                return f"{indent}{RULE}\n\n"
            case "button":
                return f"{indent}{self._link(node)}\n\n"
            case _:
                return _indented(self.inline(node.children), indent, indent) + "\n\n"

    def _items(self, listing: Node, indent: str) -> str:
        number = listing.level - 1
        ordered = listing.kind == "ordered_list"

        def written(nodes: list[Node], looped: bool) -> str:
            nonlocal number
            out = ""
            for node in nodes:
                if node.kind == "group":
                    out += written(node.children, looped or node.children[0].keyword == "for")
                elif node.kind == "tag":
                    out += self._tag(node)
                else:
                    number += 1
                    mark = "- "
                    if ordered:
                        mark = f"{self._counter(number - 1)}. " if looped else f"{number}. "
                    out += self._item(node, indent, mark)
            return out

        return written(listing.children, looped=False)

    def _counter(self, before: int) -> str:
        return self.guard.hide(Piece("value", f"{{{{ loop.index + {before} }}}}" if before else "{{ loop.index }}", 0))

    def _item(self, item: Node, indent: str, mark: str) -> str:
        hanging = indent + " " * (2 if mark == "- " else 3)
        out = ""
        for node in item.children:
            first = indent + mark if not out else hanging
            if node.kind in LISTS:
                out += ("" if out else f"{first}\n") + self._items(node, hanging)
            elif node.kind in {"tight", "paragraph", "heading"}:
                out += _indented(self.inline(node.children), first, hanging) + "\n"
            else:
                out += ("" if out else f"{first}\n") + self._block(node, hanging)
        return out or f"{indent}{mark}\n"

    def _rows(self, nodes: list[Node], indent: str) -> str:
        out = ""
        for node in nodes:
            match node.kind:
                case "tag":
                    out += self._tag(node)
                case "row":
                    out += indent + " | ".join(self.inline(cell.children) for cell in node.children) + "\n"
                case "thead":
                    header = self._rows(node.children, indent)
                    out += f"{header}{indent}{RULE}\n"
                case _:
                    out += self._rows(node.children, indent)
        return out

    def inline(self, nodes: list[Node]) -> str:
        out = []
        for number, node in enumerate(nodes):
            match node.kind:
                case "text" | "code":
                    out.append(node.text)
                case "tag":
                    out.append(self._tag(node))
                case "softbreak":
                    out.append(joint(nodes[number - 1] if number else None, nodes[number + 1] if number + 1 < len(nodes) else None))
                case "hardbreak":
                    out.append("\n")
                case "link":
                    out.append(self._link(node))
                case "image":
                    out.append(node.text)
                case _:
                    out.append(self.inline(node.children))
        return "".join(out)

    def _link(self, node: Node) -> str:
        """`text: url`; the URL alone when it is the text."""
        text = self.inline(node.children)
        target = url(node.href, self.guard, self.faults)
        if text.strip() in {"", node.href, node.href.removeprefix("mailto:"), node.href.removeprefix("tel:")}:
            return target.removeprefix("mailto:").removeprefix("tel:")
        return f"{text}: {target.removeprefix('mailto:').removeprefix('tel:')}"

    def _tag(self, node: Node) -> str:
        assert node.piece is not None
        return self.guard.hide(node.piece)


def _indented(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", f"\n{rest}")
