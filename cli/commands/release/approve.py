"""`tiercel approve` and `tiercel decline`: a word on a plan, by one's own AWS identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.running.following import unseen_words
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import RefusedInputError

if TYPE_CHECKING:
    from tiercel.domain.approvals.signed_words import SignedWord
    from tiercel.domain.organization.names import Names

_WHO = "tiercel-cli"
_Environment = Annotated[str, typer.Argument(help="The environment, such as prod.")]
_Digest = Annotated[str, typer.Argument(help="The plan's digest, as it was shown.")]
_Reason = Annotated[str, typer.Option(help="Why, for those who wonder later.")]


@shared(Settings)
def approve(
    environment: _Environment,
    digest: _Digest,
    *,
    reason: _Reason,
    override: Annotated[
        list[str] | None, typer.Option(help="A gate that is opened, too; may be repeated.")
    ] = None,
    settings: Settings,
) -> None:
    """Approve the plan of a promotion that waits."""
    _say(settings, environment, digest, reason, overrides=tuple(override or ()), approves=True)


@shared(Settings)
def decline(
    environment: _Environment, digest: _Digest, *, reason: _Reason, settings: Settings
) -> None:
    """Decline the plan of a promotion that waits, which ends it."""
    _say(settings, environment, digest, reason, overrides=(), approves=False)


def _say(
    settings: Settings,
    environment: str,
    digest: str,
    reason: str,
    *,
    overrides: tuple[str, ...],
    approves: bool,
) -> None:
    from tiercel.domain.organization.access import Access, Records
    from tiercel.domain.organization.names import Role
    from tiercel.tasks.aws.caller import caller_arn
    from tiercel.tasks.aws.word_signatures import signed_word
    from tiercel.tasks.records.words import hand_over

    output, names = settings.output, settings.names(environment)
    word = _word(digest, reason, overrides, approves=approves)
    settings.become_approver(environment)
    region = names.environment.region
    _require_listed(names, caller_arn.fn(region), overrides)
    signed = signed_word.fn(word, names)
    access = Access(names.role_arn(Role.APPROVER), region, _WHO)
    hand_over.fn(Records(access, names.artifact_bucket), signed)
    unseen = unseen_words(environment)
    told = {"plan_digest": digest, "approves": approves, "signed_at": signed.signed_at}
    output.document("approval", told | ({"unseen": unseen} if unseen else {}))
    if not settings.as_json:
        output.result(
            f"handed over; it counts once a run of {environment} has shown it to STS, "
            "within five minutes"
        )
        if unseen:
            output.result(unseen)


def _word(digest: str, reason: str, overrides: tuple[str, ...], *, approves: bool) -> SignedWord:
    """Return what is to be signed; RefusedInputError if it cannot be a word."""
    from pydantic import ValidationError

    from tiercel.domain.approvals.signed_words import unsigned_word

    try:
        return unsigned_word(digest, reason, overrides, approves=approves)
    except ValidationError as error:
        found = error.errors(include_input=False)
        raise RefusedInputError(
            "approvals.no_word",
            "this can be no word on a plan",
            where=f"plan {digest[:64]}",
            why="; ".join(f"{one['loc'][0]}: {one['msg']}" for one in found),
            state="nothing was handed over",
            remedy="give the whole digest as it was shown, and a reason of one line",
        ) from error


def _require_listed(names: Names, caller: str, overrides: tuple[str, ...]) -> None:
    """Raise RefusedInputError for what the environment's runs would not count."""
    gates, where = names.environment.gates, f"environments.{names.environment.name}.gates"
    if not any(one.aws == caller for one in gates.approvers):
        raise RefusedInputError(
            "approvals.no_approver",
            "you are no approver",
            where=f"{where}.approvers",
            why=f"AWS calls you {caller}, which none of them is",
            state="nothing was handed over",
            remedy="use the profile that is listed (AWS_PROFILE), list yours there, or approve "
            "on GitHub",
        )
    closed = [one for one in overrides if one not in gates.overridable]
    if closed:
        raise RefusedInputError(
            "approvals.not_overridable",
            f"nobody may open the gate {', '.join(closed)}",
            where=f"{where}.overridable",
            why=f"it lists {', '.join(gates.overridable) or 'none'}",
            state="nothing was handed over",
            remedy="wait until the gate opens, or let the worker's file allow it",
        )
