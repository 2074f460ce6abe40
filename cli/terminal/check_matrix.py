"""How a check looks on a terminal: a matrix for each account, then what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from tiercel.domain.accounts.findings import Aspect, CheckReport, Verdict
from tiercel.domain.base.text import printable

_CELLS = {
    Verdict.GREEN: "[green]green[/]",
    Verdict.RED: "[bold red]RED[/]",
    Verdict.UNKNOWN: "[yellow]not checked[/]",
}
_LONGEST = 2_000


def matrix(report: CheckReport, account: str, kind: str) -> Padding:
    """Return one account's things, a line each, with the worst verdict on each aspect."""
    title = _plain(f"{report.environment}, {kind} {account}")
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("thing", min_width=24)
    for aspect in Aspect:
        table.add_column(aspect.value, min_width=11)
    for row in report.rows():
        if row.account == account:
            cells = (_CELLS[row.cells[one]] if one in row.cells else "" for one in Aspect)
            table.add_row(_plain(row.thing), *cells)
    return Padding(table, (1, 0, 0, 0))


def reds(report: CheckReport) -> Iterator[Padding]:
    """Yield for each red finding what is wrong, why that matters and what to do."""
    for one in report.of(Verdict.RED):
        grid = Table.grid(padding=(0, 1))
        grid.add_column(style="bold", min_width=4)
        grid.add_column(overflow="fold")
        grid.add_row("[red]RED[/]", f"[bold]{_plain(f'{one.thing}: {one.what}')}[/]")
        grid.add_row("", f"account {one.account}, {one.aspect}")
        grid.add_row("why", _plain(one.why))
        grid.add_row("do", _plain(one.remedy))
        yield Padding(grid, (1, 0, 0, 0))


def not_checked(report: CheckReport) -> Padding:
    """Return what could not be checked, and why."""
    table = Table(title="Not checked", title_justify="left", title_style="bold", box=None)
    for name in ("thing", "what", "why"):
        table.add_column(name, overflow="fold")
    for one in report.of(Verdict.UNKNOWN):
        table.add_row(_plain(one.thing), _plain(one.rule), _plain(one.why))
    return Padding(table, (1, 0))


def _plain(text: str) -> str:
    """What AWS says may contain anything."""
    return escape(printable(text, _LONGEST))
