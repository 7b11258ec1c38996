"""An extension of Sphinx: each cell of a table says its column, for screens that show the cells below each other."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


class Translator(HTML5Translator):
    def visit_table(self, node: nodes.Element) -> None:
        if columns(node):
            node["classes"].append("stacked")
        super().visit_table(node)

    def visit_entry(self, node: nodes.Element) -> None:
        start = len(self.body)
        super().visit_entry(node)
        row = node.parent
        table = row.parent.parent.parent
        names = columns(table)
        if names and not isinstance(row.parent, nodes.thead):
            label = self.attval(names[row.index(node)])
            self.body[start] = self.body[start].replace("<td", f'<td data-label="{label}"', 1)


def columns(table: nodes.Element) -> list[str]:
    """Return the names of the columns; none for a table without a head, and for the options of antsibull-docs."""
    heads = list(table.findall(nodes.thead))
    if not heads or "ansible-option-table" in table["classes"]:
        return []
    return [entry.astext() for entry in heads[0].findall(nodes.entry)]


def setup(app: Sphinx) -> dict[str, Any]:
    app.set_translator("html", Translator, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
