"""What can go wrong, as types that carry what a person needs to act on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Self

from tiercel.domain.base.failure import Failure


class ExitCode(IntEnum):
    """The exit codes of `tiercel`, as documented in docs/use/cli.md."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIGURATION = 3
    REFUSED = 4
    BUILD_FAILED = 5
    DEPLOY_FAILED = 6
    SMOKE_TEST_FAILED = 7
    UNREACHABLE = 8
    CHECK_FAILED = 9
    WAITING = 10
    INTERRUPTED = 130


class TiercelError(Exception):
    """A failure that a person can act on.

    `code` names the reason and never changes; docs/use/failures.md lists them all. `what` failed,
    `where` (account, stack, resource, file), `why` (the world's own words), `state` (what
    things are in now) and `remedy` (what to do about it). `causes` are the failures that it
    consists of. Once made, it stays as it is: whoever knows more raises `but()`.
    """

    exit_code: int = ExitCode.INTERNAL
    transient = False

    def __init__(  # noqa: PLR0913 - the parts of a failure, by name
        self,
        code: str,
        what: str,
        *,
        where: str = "",
        why: str = "",
        state: str = "",
        remedy: str = "",
        causes: Iterable[Failure] = (),
    ) -> None:
        """Keep each part, so that the terminal, the log and the page can lay them out."""
        super().__init__(code, what)
        self._failure = Failure(
            code=code,
            what=what,
            where=where,
            why=why,
            state=state,
            remedy=remedy,
            causes=tuple(causes),
            kind=type(self).__name__,
            exit_code=int(self.exit_code),
        )

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """Return a failure as an error of this kind."""
        error = cls(failure.code, failure.what)
        error._failure = failure
        return error

    @property
    def failure(self) -> Failure:
        """The failure as a value, to be recorded, sent and shown."""
        return self._failure

    @property
    def code(self) -> str:
        """The reason, as docs/use/failures.md lists it."""
        return self._failure.code

    @property
    def what(self) -> str:
        """What failed."""
        return self._failure.what

    @property
    def where(self) -> str:
        """The account, stack, resource, file or parameter."""
        return self._failure.where

    @property
    def why(self) -> str:
        """The reason in the world's own words."""
        return self._failure.why

    @property
    def state(self) -> str:
        """How things stand now."""
        return self._failure.state

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self._failure.remedy

    @property
    def causes(self) -> tuple[Failure, ...]:
        """The failures that it consists of."""
        return self._failure.causes

    def but(
        self, *, where: str | None = None, state: str | None = None, remedy: str | None = None
    ) -> Self:
        """Return the same error with other texts for some of its parts."""
        return type(self).of(
            replace(
                self._failure,
                where=self.where if where is None else where,
                state=self.state if state is None else state,
                remedy=self.remedy if remedy is None else remedy,
            )
        )

    def __str__(self) -> str:
        return "\n".join(self._failure.lines())


class ConfigurationError(TiercelError):
    """tiercel.toml is wrong; nothing has been called."""

    exit_code = ExitCode.CONFIGURATION


class RefusedInputError(TiercelError):
    """What came from the repository breaks a rule or a limit; nothing was changed."""

    exit_code = ExitCode.REFUSED


class BuildFailedError(TiercelError):
    """A service's own build failed."""

    exit_code = ExitCode.BUILD_FAILED


class ArtifactConflictError(TiercelError):
    """An immutable object exists already with other bytes."""

    exit_code = ExitCode.REFUSED


class UntrustedArtifactError(TiercelError):
    """An artifact, or its provenance, is not what the environment's key has signed."""

    exit_code = ExitCode.REFUSED


class DeployFailedError(TiercelError):
    """CloudFormation refused or rolled back."""

    exit_code = ExitCode.DEPLOY_FAILED


class NotStartedError(DeployFailedError):
    """A service was left alone, because one that it depends on failed."""


class SmokeTestFailedError(TiercelError):
    """The stack is up and does not answer as it should, or not at all."""

    exit_code = ExitCode.SMOKE_TEST_FAILED


class UnreachableError(TiercelError):
    """AWS, GitHub or Prefect did not answer, or refused the caller."""

    exit_code = ExitCode.UNREACHABLE


class LeaseLostError(UnreachableError):
    """Another run changes the stack now; how it ends is written down by that one."""


class SupersededError(TiercelError):
    """Something newer is deployed or about to be: what was asked for is left alone."""

    exit_code = ExitCode.REFUSED


class OvertakenError(SupersededError):
    """Something else came before, which does not take the place of what was asked for."""


class WaitingError(TiercelError):
    """It ends here and goes on once somebody has given his word: nothing has failed.

    The run of a flow that raises it ends in the state WAITING_STATE, which is a completed one.
    """

    exit_code = ExitCode.WAITING


WAITING_STATE = "Waiting"


class InterruptedRunError(TiercelError):
    """A person stopped the command; AWS may still be at work."""

    exit_code = ExitCode.INTERRUPTED


class TransientError(UnreachableError):
    """The same call may succeed a moment later."""

    transient = True


def error_from(failure: Failure) -> TiercelError:
    """Return a failure that was recorded or sent as the error that it was raised as.

    One of a kind that this version does not know keeps its exit code.
    """
    kind = {kind.__name__: kind for kind in _kinds(TiercelError)}.get(failure.kind)
    if kind:
        return kind.of(failure)
    error = TiercelError.of(failure)
    error.exit_code = failure.exit_code or ExitCode.INTERNAL
    return error


def _kinds(kind: type[TiercelError]) -> Iterator[type[TiercelError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def run_cancelled(where: str = "", why: str = "") -> InterruptedRunError:
    """Return the error of a run that somebody cancelled."""
    return InterruptedRunError(
        "run.cancelled",
        "the run was cancelled",
        where=where,
        why=why,
        state="AWS goes on with what it was told; nothing new is started",
        remedy="run it again: it goes on where this run stopped",
    )


def file_not_written(path: str, why: str) -> RefusedInputError:
    """Return the error of a file that a person asked for and that his machine does not take."""
    return RefusedInputError(
        "run.file_not_written",
        "a file cannot be written",
        where=path,
        why=why,
        state="what was written before stays",
        remedy="see who owns that folder and whether there is room, then repeat it",
    )


def combined(errors: list[TiercelError]) -> TiercelError:
    """Return one error for several, which has them as causes and the exit code of the first.

    A service that was left alone because of another's failure, or of a newer release, is no
    cause of its own. The same thing that was refused in several places is one failure.
    """
    started = [error for error in errors if not isinstance(error, NotStartedError)] or errors
    causes = [error for error in started if not isinstance(error, SupersededError)] or started
    different = _alike_as_one(causes)
    if len(different) == 1:
        return different[0]
    whole = type(causes[0])(
        "run.several_failed",
        f"{len(causes)} services failed",
        remedy="see each of them",
        causes=[error.failure for error in different],
    )
    whole.__cause__ = causes[0]
    return whole


def _alike_as_one(errors: list[TiercelError]) -> list[TiercelError]:
    """Return the errors, with one for all that were refused or unanswered in the same words."""
    groups: dict[object, list[TiercelError]] = {}
    for error in errors:
        refused = type(error) in {UnreachableError, TransientError}
        kind = (type(error), error.code, error.what, error.remedy) if refused else error
        groups.setdefault(kind, []).append(error)
    return [_one_of(alike) for alike in groups.values()]


def _one_of(alike: list[TiercelError]) -> TiercelError:
    first = alike[0]
    if len(alike) == 1:
        return first
    places = [place for error in alike for place in error.causes or (error.failure,)]
    one = type(first).of(replace(first.failure, where="", why="", state="", causes=tuple(places)))
    one.__cause__ = first
    return one
