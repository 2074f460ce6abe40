"""Reads a payload of GitHub's as hostile text: it has the form that we know, or it is refused."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import printable
from tiercel.domain.configuration.requests import COMMIT_ID_PATTERN, LARGEST_NUMBER
from tiercel.domain.organization.parts import OneRepository

LONGEST_SHOWN = 80
_MOST_FINDINGS = 5

_P = TypeVar("_P", bound=BaseModel)


def _branch(name: str) -> str:
    if not is_legal_branch(name):
        raise ValueError("git allows no branch of this name")
    return name


Branch = Annotated[str, AfterValidator(_branch)]
CommitId = Annotated[str, StringConstraints(pattern=COMMIT_ID_PATTERN)]
Number = Annotated[int, Field(strict=True, ge=1, le=LARGEST_NUMBER)]


class Part(BaseModel):
    """A part of a payload: GitHub adds keys as it likes."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class NamedRepository(Part):
    """A repository, of which nothing but its name counts."""

    full_name: OneRepository


def read_payload(kind: type[_P], name: str, payload: object) -> _P:
    """Return what a payload says; RefusedInputError if it does not have the form of the event."""
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        findings = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise malformed(name, findings) from None


def malformed(name: str, findings: list[str]) -> RefusedInputError:
    """Return the error of a payload in which this was found."""
    return RefusedInputError(
        "event.malformed",
        f"the event is no {printable(name, LONGEST_SHOWN)} of GitHub's",
        where="GITHUB_EVENT_PATH",
        why="\n".join(printable(one, 200) for one in findings[:_MOST_FINDINGS]),
        state="nothing was called",
        remedy="run this in a job of a GitHub workflow, which says its event in GITHUB_EVENT_NAME "
        "and GITHUB_EVENT_PATH; or start the flow by its own command",
    )
