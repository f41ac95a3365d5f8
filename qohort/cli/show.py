"""A table on the terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table as Shown

from qohort.report.table import Table


def shown(table: Table, columns: Sequence[str] = ()) -> Shown:
    """The columns that fit a terminal; all of them if none is named."""
    found = Shown(title=table.title, title_justify="left", title_style="bold")
    places = [table.header.index(name) for name in columns or table.header]
    for place in places:
        found.add_column(table.header[place], justify="left" if place < table.texts else "right", overflow="fold")
    for row in table.rows:
        found.add_row(*(escape(row[place]) for place in places))
    return found
