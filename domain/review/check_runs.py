"""A check run that marks what a verification found at lines of files, where Tiercel is an App.

https://docs.github.com/en/rest/checks/runs
"""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.values import Frozen
from tiercel.domain.review.annotations import Annotation, annotations_in
from tiercel.domain.review.statuses import Status, required_context

MOST_OF_REQUEST = 50
"""GitHub takes no more annotations at once."""
MOST_MARKED = 200
"""Of one commit: whoever writes a template decides how many findings there are."""


class FindingsCheck(Frozen):
    """What is marked at a commit. A passing one, without findings, stands for an earlier one."""

    name: str
    annotations: tuple[Annotation, ...]

    @property
    def conclusion(self) -> str:
        """Whether something is to be mended, in GitHub's words."""
        return "failure" if self.annotations else "success"

    @property
    def title(self) -> str:
        """What there is to see, for people."""
        count = len(self.annotations)
        return f"{count} finding{'s' if count != 1 else ''} at lines of files"

    @property
    def digest(self) -> str:
        """What tells one check run of a commit from one with other findings."""
        return digest_of([self.name, *(one.model_dump() for one in self.annotations)])

    @property
    def requests(self) -> tuple[tuple[Annotation, ...], ...]:
        """The annotations in as many parts as it takes requests, one at least."""
        starts = range(0, max(len(self.annotations), 1), MOST_OF_REQUEST)
        return tuple(self.annotations[start : start + MOST_OF_REQUEST] for start in starts)


def findings_check(environment: str, checks: Iterable[Status]) -> FindingsCheck:
    """Return what is marked of a verification's statuses, of a base that feeds an environment.

    Branch protection takes a check run for a status of the same name: this one's has words that
    neither the required context nor that of a service can have, so that it stands for no verdict.
    """
    said = (line for one in checks for line in one.details.splitlines())
    return FindingsCheck(
        name=f"{required_context(environment)}/findings in files",
        annotations=annotations_in(said, MOST_MARKED),
    )
