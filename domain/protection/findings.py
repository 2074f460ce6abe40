"""What the comparison of a repository with the promise found."""

from __future__ import annotations

from tiercel.domain.accounts.findings import Verdict
from tiercel.domain.base.values import Frozen


class ProtectionFinding(Frozen):
    """One thing that is needed, and whether GitHub has it.

    `by` is what fulfils it. One that is not green has `why`, and the `remedy` beside `tiercel
    gitflow enforce`.
    """

    subject: str
    need: str
    verdict: Verdict
    by: str = ""
    why: str = ""
    remedy: str = ""


class ProtectionReport(Frozen):
    """What was found in one repository."""

    repository: str
    findings: tuple[ProtectionFinding, ...]

    def lacking(self) -> tuple[ProtectionFinding, ...]:
        """Return what is not known to be as it has to be."""
        return tuple(one for one in self.findings if one.verdict is not Verdict.GREEN)

    def summary(self) -> str:
        """Return the numbers in a sentence."""
        numbers = {
            verdict: sum(one.verdict is verdict for one in self.findings) for verdict in Verdict
        }
        return ", ".join(f"{number} {verdict}" for verdict, number in numbers.items() if number)
