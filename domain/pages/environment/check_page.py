"""The artifact of a check: the matrix, what is red with its remedy, what was not checked."""

from __future__ import annotations

from tiercel.domain.accounts.findings import Aspect, CheckReport, Finding, Row, Verdict
from tiercel.domain.pages.markdown import escaped, table

_LONGEST = 2_000
_SIGNS = {Verdict.GREEN: "green", Verdict.RED: "**RED**", Verdict.UNKNOWN: "not checked"}


def check_page(report: CheckReport) -> str:
    """Return the report as Markdown; every word of AWS's is made harmless."""
    parts = [f"# Check of {escaped(report.environment)}", f"{report.summary()}."]
    rows = list(report.rows())
    for account, kind in report.accounts.items():
        own = [
            (escaped(row.thing), *(_sign(row, one) for one in Aspect))
            for row in rows
            if row.account == account
        ]
        parts += [f"## {escaped(kind)} {escaped(account)}", table(("thing", *Aspect), own)]
    if red := report.of(Verdict.RED):
        parts += ["## Red", *(_red(one) for one in red)]
    if unknown := report.of(Verdict.UNKNOWN):
        parts += ["## Not checked", "\n".join(_unknown(one) for one in unknown)]
    return "\n\n".join(parts)


def _sign(row: Row, aspect: Aspect) -> str:
    return _SIGNS[row.cells[aspect]] if aspect in row.cells else ""


def _red(one: Finding) -> str:
    lines = (
        f"### {escaped(one.thing)}: {escaped(one.what, _LONGEST)}",
        f"Account {escaped(one.account)}, {one.aspect}.",
        f"**Why** {escaped(one.why, _LONGEST)}",
        f"**What to do** {escaped(one.remedy, _LONGEST)}",
    )
    return "\n\n".join(lines)


def _unknown(one: Finding) -> str:
    return f"- {escaped(one.thing)}, {escaped(one.rule)}: {escaped(one.why)}"
