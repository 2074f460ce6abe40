"""What people ask for by the form of a workflow, the event `workflow_dispatch`.

GitHub gives all inputs as text. Those that a form leaves empty are empty, so that one workflow may
ask for several things.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from tiercel.domain.configuration.requests import (
    COMMIT_ID_PATTERN,
    ENVIRONMENT_OR_NONE_PATTERN,
    LARGEST_NUMBER,
    LONGEST_HOURS,
    LONGEST_PURPOSE,
    LONGEST_REVISION,
    LONGEST_SERVICES,
    ON_DEMAND_NAME_PATTERN,
    OPTIONAL_REVISION_PATTERN,
    PLAN_DIGEST_PATTERN,
    PURPOSE_PATTERN,
    SERVICES_PATTERN,
    STACK_PATTERN,
)
from tiercel.domain.triggers.events import (
    CandidateAsked,
    EndAsked,
    EnvironmentAsked,
    PersonalWish,
    RebuildAsked,
    ReleaseAsked,
    RollbackAsked,
    Scheduled,
    ScheduledWork,
)
from tiercel.domain.triggers.payloads import NamedRepository, Part, malformed, read_payload

EVENT = "workflow_dispatch"

_Count = Annotated[str, StringConstraints(pattern="^[0-9]{0,8}$")]
_Revision = Annotated[
    str, StringConstraints(pattern=OPTIONAL_REVISION_PATTERN, max_length=LONGEST_REVISION)
]


class Form(Part):
    """The inputs of every form; what an action does not need is not looked at."""

    action: Literal[
        "candidate",
        "ephemeral-down",
        "ephemeral-up",
        "follow",
        "promote",
        "rebuild",
        "release",
        "rollback",
    ]
    environment: Annotated[str, StringConstraints(pattern=ENVIRONMENT_OR_NONE_PATTERN)] = ""
    commit: _Revision = ""
    stack: Annotated[str, StringConstraints(pattern=STACK_PATTERN)] | Literal[""] = ""
    release: _Count = ""
    approve: Annotated[str, StringConstraints(pattern=PLAN_DIGEST_PATTERN)] = ""
    account: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9-]{0,63}$")] = ""
    pull_request: _Count = ""
    name: Annotated[str, StringConstraints(pattern=ON_DEMAND_NAME_PATTERN)] = ""
    services: Annotated[
        str, StringConstraints(pattern=SERVICES_PATTERN, max_length=LONGEST_SERVICES)
    ] = ""
    hours: _Count = ""
    purpose: Annotated[
        str, StringConstraints(pattern=PURPOSE_PATTERN, max_length=LONGEST_PURPOSE)
    ] = ""


class _Dispatch(BaseModel):
    repository: NamedRepository
    inputs: Form


def read_form(payload: object, commit: str) -> PersonalWish:
    """Return what a person asked for; `commit` is the workflow's own, meant where none is given.

    Raises RefusedInputError for a form in which something that the action needs is missing.
    """
    told = read_payload(_Dispatch, EVENT, payload)
    return _READERS[told.inputs.action](told.repository.full_name, told.inputs, commit)


def _release(repository: str, form: Form, commit: str) -> PersonalWish:
    wanted = form.commit or commit
    if not form.environment or not re.fullmatch(COMMIT_ID_PATTERN, wanted):
        raise _missing(f"a {form.action} needs an environment and a commit, all of its digits")
    return ReleaseAsked(repository, form.environment, wanted, promotes=form.action == "promote")


def _rollback(repository: str, form: Form, _: str) -> PersonalWish:
    if not form.stack:
        raise _missing("a rollback needs a stack")
    return RollbackAsked(repository, form.stack, int(form.release or 0))


def _candidate(repository: str, form: Form, commit: str) -> PersonalWish:
    wanted = form.commit or commit
    if not wanted:
        raise _missing("a candidate needs a commit or a branch")
    return CandidateAsked(repository, wanted)


def _rebuild(repository: str, form: Form, _: str) -> PersonalWish:
    if not form.environment:
        raise _missing("a rebuild needs an environment")
    return RebuildAsked(repository, form.environment, form.approve, form.account)


def _follow(repository: str, form: Form, _: str) -> PersonalWish:
    if not form.environment:
        raise _missing("to follow GitHub needs an environment")
    return Scheduled(repository, form.environment, ScheduledWork.FOLLOW)


def _up(repository: str, form: Form, _: str) -> PersonalWish:
    number, hours = int(form.pull_request or 0), int(form.hours or 0)
    if bool(form.commit) == bool(number):
        raise _missing("an environment on demand needs a commit or branch, or a pull request")
    if number > LARGEST_NUMBER or hours > LONGEST_HOURS:
        raise _missing(f"no environment lives longer than {LONGEST_HOURS} hours")
    return EnvironmentAsked(
        repository, form.commit, number, form.name, form.services.strip(), hours, form.purpose
    )


def _down(repository: str, form: Form, _: str) -> PersonalWish:
    if not form.name:
        raise _missing("to take an environment down needs its name")
    return EndAsked(repository, form.name)


_READERS: dict[str, Callable[[str, Form, str], PersonalWish]] = {
    "candidate": _candidate,
    "ephemeral-down": _down,
    "ephemeral-up": _up,
    "follow": _follow,
    "promote": _release,
    "rebuild": _rebuild,
    "release": _release,
    "rollback": _rollback,
}


def _missing(what: str) -> Exception:
    return malformed(EVENT, [f"inputs: {what}"])
