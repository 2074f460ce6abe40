"""What a check of an environment found: green, red or not checked, thing by thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.base.errors import ExitCode, TiercelError
from tiercel.domain.base.values import Frozen


class Verdict(StrEnum):
    """How a rule ended; the worst comes last."""

    GREEN = "green"
    UNKNOWN = "not checked"
    RED = "red"


class Aspect(StrEnum):
    """What is checked of a thing: the columns of the matrix.

    `use` is what was really done with it; `trust` is who may become a role; `limits` are
    AWS's quotas.
    """

    USE = "use"
    SETTINGS = "settings"
    TRUST = "trust"
    POLICY = "policy"
    LIMITS = "limits"


class Finding(Frozen):
    """What one rule says of one thing. A green one needs no words."""

    account: str
    thing: str
    aspect: Aspect
    rule: str
    verdict: Verdict
    what: str = ""
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Thing:
    """Something that is checked, in the account with this id."""

    account: str
    name: str

    def green(self, aspect: Aspect, rule: str) -> Finding:
        """Return the finding that the rule holds."""
        return Finding(
            account=self.account, thing=self.name, aspect=aspect, rule=rule, verdict=Verdict.GREEN
        )

    def red(self, aspect: Aspect, rule: str, what: str, *, why: str, remedy: str) -> Finding:
        """Return the finding that the rule is broken: what, why that matters, the remedy."""
        found = self.green(aspect, rule)
        changed = {"verdict": Verdict.RED, "what": what, "why": why, "remedy": remedy}
        return found.model_copy(update=changed)

    def unknown(self, aspect: Aspect, rule: str, why: str) -> Finding:
        """Return the finding that nothing can be said, and why."""
        changed = {"verdict": Verdict.UNKNOWN, "why": why}
        return self.green(aspect, rule).model_copy(update=changed)


class Row(Frozen):
    """One thing of the matrix, with the verdict on each aspect that it has."""

    account: str
    thing: str
    cells: dict[Aspect, Verdict]


class CheckReport(Frozen):
    """Everything that a check found. `accounts` has the kind of each account by its id."""

    environment: str
    accounts: dict[str, str]
    findings: tuple[Finding, ...]

    def of(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with this verdict, in the order of the matrix."""
        return [one for one in self.findings if one.verdict is verdict]

    def summary(self) -> str:
        """Return a sentence such as `61 green, 2 red, 7 not checked`."""
        order = (Verdict.GREEN, Verdict.RED, Verdict.UNKNOWN)
        return ", ".join(f"{len(self.of(verdict))} {verdict}" for verdict in order)

    def rows(self) -> Iterator[Row]:
        """Yield the matrix: account by account, a thing a line, of each cell the worst verdict."""
        for account in self.accounts:
            own = [one for one in self.findings if one.account == account]
            for thing in dict.fromkeys(one.thing for one in own):
                cells: dict[Aspect, Verdict] = {}
                for one in own:
                    if one.thing == thing:
                        cells[one.aspect] = _worse(cells.get(one.aspect), one.verdict)
                yield Row(account=account, thing=thing, cells=cells)


class CheckFailedError(TiercelError):
    """Something of an environment is red. `report` has everything that was found."""

    exit_code = ExitCode.CHECK_FAILED
    report: CheckReport | None = None


def check_failed(report: CheckReport) -> CheckFailedError:
    """Return the error of a report that has something red."""
    red = report.of(Verdict.RED)
    error = CheckFailedError(
        "check.failed",
        "the environment is not as it must be",
        where=f"{report.environment}: {report.summary()}",
        why="; ".join(f"{one.thing}: {one.what}" for one in red),
        state="nothing was changed",
        remedy=f"see the remedy of each in the artifact check-{report.environment}",
    )
    error.report = report
    return error


def nothing_checked(things: Iterable[Thing], why: str) -> list[Finding]:
    """Return for each thing that it was not checked, and why."""
    return [thing.unknown(Aspect.USE, "everything", why) for thing in things]


def _worse(one: Verdict | None, other: Verdict) -> Verdict:
    order = list(Verdict)
    return other if one is None else max(one, other, key=order.index)
