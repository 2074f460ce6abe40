"""What an environment has live, written down where the one that it promotes from reads it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.names import Names
from tiercel.domain.release.live_export import LiveExport, export_of, live_key, says_the_same
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import read_whole
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.ledger import read_live_releases

_BEATEN_SECONDS = 0.2


@world_task("read what is live", "read what {environment} has live")
def read_live_export(records: Records, environment: str) -> LiveExport | None:
    """Return what an environment told that promotes from this one, None if it told nothing yet."""
    return _read(records, environment)[0]


@world_task("tell what is live")
def tell_what_is_live(
    own: Records, theirs: Records, names: Names, current_name: Callable[[str], str]
) -> bool:
    """Write down in `theirs` what the own ledger says is live; False if that stands there.

    The ledger is read after what stands there: whoever writes has seen every release that the one
    before him has, and of two runs at once the slower one reads again.
    """
    environment = names.environment.name
    while True:
        told, version = _read(theirs, environment)
        found = read_live_releases.fn(own)
        now = datetime.now(UTC)
        wanted = export_of(environment, names.stack_prefix, found, current_name, now)
        if says_the_same(told, wanted):
            return False
        if _written(theirs, wanted, version):
            return True
        pause(_BEATEN_SECONDS)


def _read(records: Records, environment: str) -> tuple[LiveExport | None, str]:
    key = live_key(environment)
    where = f"s3://{records.bucket}/{key}"
    with translated("read what is live", where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=key)
            body = read_whole(answer, where)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None, ""
            raise
    try:
        exported = read_stored(LiveExport, body, where)
    except ValidationError as error:
        raise _damaged(where, str(error)) from error
    if exported.environment != environment:
        raise _damaged(where, f"it says that it is of {exported.environment}")
    return exported, answer["ETag"]


def _written(records: Records, exported: LiveExport, version: str) -> bool:
    """Write over this version, over none if it is empty; False if somebody else was faster."""
    body, key = canonical_json(exported.model_dump(mode="json")), live_key(exported.environment)
    return bool(write_over(records, key, body, version, "tell what is live"))


def _damaged(where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "live.export_damaged",
        "what an environment told of what it has live cannot be read",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="find out who wrote it; an administrator of that account removes its newest version",
    )
