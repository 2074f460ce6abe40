"""A clock that is wrong: AWS refuses what was not signed within some minutes of its own time."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from tiercel.domain.base.clock import offset_in_words, seconds_ahead
from tiercel.domain.base.errors import UnreachableError

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList and
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#CommonErrors
_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_SIGNATURE_CODES = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
_SIGNATURE_WORDS = ("signature expired", "signature not yet current")


def wrong_clock(error: ClientError, what: str, where: str) -> UnreachableError | None:
    """Return the error of a call that AWS refused because of this machine's clock, else None."""
    said = error.response.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    by_words = message.lower().startswith(_SIGNATURE_WORDS)
    if code not in _CODES and not (code in _SIGNATURE_CODES and by_words):
        return None
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    ahead = seconds_ahead(headers.get("date", ""), datetime.now(UTC))
    known = f"it is {offset_in_words(ahead)} of AWS's; " if ahead is not None else ""
    return UnreachableError(
        "aws.wrong_clock",
        f"cannot {what}: the clock of this machine is wrong",
        where=where,
        why=f"{known}{code}: {message}",
        remedy="set the clock, as `timedatectl set-ntp true` does, and run it again; what was "
        "begun is taken up",
    )
