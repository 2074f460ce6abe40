"""How a check reads what its roles may perhaps not read: a refusal is a value, not a failure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from botocore.exceptions import ClientError

from tiercel.domain.accounts.observations import Unread
from tiercel.domain.base.errors import TransientError, UnreachableError
from tiercel.tasks.aws.errors import code_of, translated

_R = TypeVar("_R")


def seen(
    what: str, where: str, read: Callable[[], _R], absent: Collection[str] = ()
) -> _R | Unread | None:
    """Return what `read` returns, None for one of the codes in `absent`, else why it failed.

    Raises TransientError, so that the task is tried again.
    """
    try:
        with translated(what, where):
            try:
                return read()
            except ClientError as error:
                if code_of(error) in absent:
                    return None
                raise
    except TransientError:
        raise
    except UnreachableError as error:
        return Unread.of(error)
