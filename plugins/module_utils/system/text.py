# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as aligned lines of text, for what a play prints."""

from __future__ import annotations


def lines(rows, columns):
    """Return a heading and one line per row, columns aligned; a value that is None or absent shows as "-".

    :param rows: list of dictionaries.
    :param columns: keys of the dictionaries, in the order to print.
    """
    cells = [[column.replace("_", " ") for column in columns]]
    cells.extend([_text(row.get(column)) for column in columns] for row in rows)
    widths = [max(len(line[position]) for line in cells) for position in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _text(value):
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
