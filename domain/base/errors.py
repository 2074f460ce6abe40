"""What can go wrong, as types that carry what a person needs to act on it."""

from __future__ import annotations

from enum import IntEnum

_MOST_TOLD = 3


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
    INTERRUPTED = 130


class TiercelError(Exception):
    """A failure that a person can act on.

    `what` failed, `where` (account, stack, resource, file), `why` (the world's own
    words), `state` (what things are in now) and `remedy` (what to do about it).
    """

    exit_code = ExitCode.INTERNAL
    transient = False

    def __init__(
        self, what: str, *, where: str = "", why: str = "", state: str = "", remedy: str = ""
    ) -> None:
        """Keep each part, so that the CLI, the log and the artifact can lay them out."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.state = state
        self.remedy = remedy

    def parts(self) -> dict[str, str]:
        """Return the parts that are not empty, in reading order."""
        named = {
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "now": self.state,
            "do": self.remedy,
        }
        return {name: text for name, text in named.items() if text}

    def __str__(self) -> str:
        labels = {"what": "", "where": "where: ", "why": "why: ", "now": "now: ", "do": "do: "}
        return "\n  ".join(labels[name] + text for name, text in self.parts().items())


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


class InterruptedRunError(TiercelError):
    """A person stopped the command; AWS may still be at work."""

    exit_code = ExitCode.INTERRUPTED


class TransientError(UnreachableError):
    """The same call may succeed a moment later."""

    transient = True


def combined(errors: list[TiercelError]) -> TiercelError:
    """Return one error for several, which has the exit code of the first cause.

    A service that was left alone because of another's failure, or of a newer release, is no
    cause of its own. The same thing that was refused in several places is one failure.
    """
    started = [error for error in errors if not isinstance(error, NotStartedError)] or errors
    causes = [error for error in started if not isinstance(error, SupersededError)] or started
    different = _alike_as_one(causes)
    if len(different) == 1:
        return different[0]
    whole = type(causes[0])(
        f"{len(causes)} services failed",
        # Indented, so that the parts of one error are told from those of the whole.
        why="\n".join(str(error).replace("\n", "\n  ") for error in different),
        remedy="see each of them",
    )
    whole.__cause__ = causes[0]
    return whole


def _alike_as_one(errors: list[TiercelError]) -> list[TiercelError]:
    """Return the errors, with one for all that were refused or unanswered in the same words."""
    groups: dict[object, list[TiercelError]] = {}
    for error in errors:
        refused = type(error) in {UnreachableError, TransientError}
        kind = (type(error), error.what, error.remedy) if refused else error
        groups.setdefault(kind, []).append(error)
    return [_one_of(alike) for alike in groups.values()]


def _one_of(alike: list[TiercelError]) -> TiercelError:
    first = alike[0]
    if len(alike) == 1:
        return first
    one = type(first)(
        first.what,
        where=_several([error.where for error in alike], ", "),
        why=_several([error.why for error in alike], "\n"),
        state=_several([error.state for error in alike], "\n"),
        remedy=first.remedy,
    )
    one.__cause__ = first
    return one


def _several(texts: list[str], between: str) -> str:
    """Return the texts that differ, but for a few."""
    found = list(dict.fromkeys(text for text in texts if text))
    more = len(found) - _MOST_TOLD
    return between.join(found[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else []))
