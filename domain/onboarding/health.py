"""Whether what Tiercel needs around it is there: each thing that was looked at, and its remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from tiercel.domain.base.clock import offset_in_words
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.values import Frozen

_OLDEST_GIT = (2, 39)
_OLDEST_PYTHON, _NO_PYTHON = (3, 11), (3, 14)
_CLOCK_SECONDS = 60.0
"""AWS refuses what is five minutes off; a minute is no clock that is kept right."""
_NO_POOL = "the server has no work pool of that name"
_NOT_ALLOWED = "aws.not_allowed"


class Health(StrEnum):
    """How a thing is."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    NOT_LOOKED_AT = "not looked at"


class Examined(Frozen):
    """One thing that was looked at, what was found, and what to do if that is not well."""

    area: str
    what: str
    health: Health
    found: str
    remedy: str = ""


def failed(area: str, what: str, error: TiercelError) -> Examined:
    """Return what a failure says of a thing."""
    found = f"{error.what}: {error.why}" if error.why else error.what
    return Examined(area=area, what=what, health=Health.WRONG, found=found, remedy=error.remedy)


def well(area: str, what: str, found: str) -> Examined:
    """Return a thing that is as it must be."""
    return Examined(area=area, what=what, health=Health.WELL, found=found)


def python_health(version: tuple[int, int], words: str) -> Examined:
    """Judge the Python that runs Tiercel."""
    if _OLDEST_PYTHON <= version < _NO_PYTHON:
        return well("tools", "Python", words)
    return Examined(
        area="tools",
        what="Python",
        health=Health.WRONG,
        found=words,
        remedy="use Python 3.11, 3.12 or 3.13",
    )


def git_health(said: str) -> Examined:
    """Judge git by what `git --version` says; empty if it cannot be started."""
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) >= _OLDEST_GIT:
        return well("tools", "git", said.strip())
    return Examined(
        area="tools",
        what="git",
        health=Health.WRONG,
        found=said.strip() or "it cannot be started",
        remedy="install git 2.39 or newer",
    )


def program_health(name: str, path: str, needed_for: str) -> Examined:
    """Judge a program that only some need: without it, that alone does not work."""
    if path:
        return well("tools", name, path)
    return Examined(
        area="tools",
        what=name,
        health=Health.DOUBTFUL,
        found="it is not on the path",
        remedy=f"install it, if you have {needed_for}",
    )


def clock_health(environment: str, ahead: float | None) -> Examined:
    """Judge the clock of this machine, which is so many seconds ahead of AWS's."""
    area, what = environment, "clock"
    if ahead is None:
        return Examined(area=area, what=what, health=Health.NOT_LOOKED_AT, found="AWS said no time")
    if abs(ahead) <= _CLOCK_SECONDS:
        return well(area, what, "as AWS's")
    return Examined(
        area=area,
        what=what,
        health=Health.WRONG,
        found=f"{offset_in_words(ahead)} of AWS's",
        remedy="set the clock, as `timedatectl set-ntp true` does",
    )


def workers_health(environment: str, online: Collection[str] | None) -> Examined:
    """Judge the workers of an environment's pool, None if the server has no such pool."""
    if online:
        return well(environment, "workers", f"{len(online)} online: {', '.join(sorted(online))}")
    if online is None:
        found = _NO_POOL
        remedy = (
            f"see whether PREFECT_API_URL is {environment}'s server; if it is, run "
            f"`tiercel up --environment {environment}`"
        )
    else:
        found, remedy = "none is online", f"start one with `tiercel worker {environment}`"
    return Examined(
        area=environment,
        what="workers",
        health=Health.WRONG,
        found=found,
        remedy=f"{remedy}; until then runs wait, and --local runs them in your own process",
    )


def pools_health(
    online: Mapping[str, Collection[str] | None], *, all_asked: bool
) -> list[Examined]:
    """Judge the workers of environments, by a server that may be the one of some of them alone.

    A server that has pools, and not that of an environment, is another environment's: unless all
    of them were asked for, nothing is wrong, and nothing is to be brought there.
    """
    is_of_some = not all_asked and any(workers is not None for workers in online.values())
    return [
        _of_another(name, "workers", _NO_POOL, "PREFECT_API_URL")
        if workers is None and is_of_some
        else workers_health(name, workers)
        for name, workers in online.items()
    ]


def roles_health(
    tried: Mapping[str, Mapping[str, str | TiercelError]], *, all_asked: bool
) -> dict[str, list[Examined]]:
    """Judge by environment whether its roles were become: who one is then, or why not.

    Credentials that become roles of one environment are not expected to become another's: unless
    all of them were asked for, nothing is wrong with one that refuses them.
    """
    own = {
        name for name, roles in tried.items() if any(isinstance(one, str) for one in roles.values())
    }
    is_of_some = not all_asked and bool(own)
    return {
        name: [
            _role_health(name, role, outcome, other=is_of_some and name not in own)
            for role, outcome in roles.items()
        ]
        for name, roles in tried.items()
    }


def _role_health(name: str, role: str, outcome: str | TiercelError, *, other: bool) -> Examined:
    if isinstance(outcome, str):
        return well(name, role, f"becomes {outcome}")
    if other and outcome.code == _NOT_ALLOWED:
        return _of_another(name, role, outcome.what, "credentials")
    return failed(name, role, outcome)


def _of_another(environment: str, what: str, found: str, own: str) -> Examined:
    """Return a thing that is asked for with what belongs to another environment."""
    return Examined(
        area=environment,
        what=what,
        health=Health.NOT_LOOKED_AT,
        found=found,
        remedy=f"with {environment}'s own {own}, `tiercel doctor {environment}` looks at it",
    )


def no_github_credentials() -> Examined:
    """Judge a process that speaks to GitHub as nobody."""
    return Examined(
        area="GitHub",
        what="credentials",
        health=Health.DOUBTFUL,
        found="there are none: no status, comment, tag or back-merge is written from here",
        remedy="set GITHUB_TOKEN, or GITHUB_APP_ID with its key for a worker",
    )
