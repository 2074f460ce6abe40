"""What is kept in a bucket for years, and read by older and newer versions of Tiercel."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from tiercel.domain.base.errors import RefusedInputError

FIRST_FORMAT = 1
"""That of every record without a number, for ever: versions before 0.3 wrote none."""

_Number = Annotated[int, Field(strict=True, ge=FIRST_FORMAT)]


class StoredRecord(BaseModel):
    """A value that is written once and read for years, with the number of its format.

    A kind's default is the number that this Tiercel writes, and the highest that it reads. It is
    raised with a key that a reader has to understand. A key that may be passed over needs no new
    number: of a format that is known, unknown keys mean nothing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: _Number = 2

    @model_serializer(mode="wrap")
    def _as_it_was_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if self.format == FIRST_FORMAT:
            del written["format"]
        return written


R = TypeVar("R", bound=StoredRecord)


class _Numbered(BaseModel):
    format: _Number = FIRST_FORMAT


def read_stored(kind: type[R], body: bytes, where: str) -> R:
    """Return what a record says. `where` names its object.

    Raises RefusedInputError if a newer Tiercel wrote it, pydantic's ValidationError if it is no
    record of the kind.
    """
    number = _Numbered.model_validate_json(body).format
    known: int = kind.model_fields["format"].default
    if number > known:
        raise of_newer_tiercel(where, f"its format is {number}", f"{known}")
    return kind.model_validate_json(body).model_copy(update={"format": number})


def of_newer_tiercel(where: str, found: str, known: str) -> RefusedInputError:
    """Return the error for a record that only a newer version understands."""
    return RefusedInputError(
        "record.newer_format",
        "a record was written by a newer Tiercel",
        where=where,
        why=f"{found}; this Tiercel reads up to {known}",
        state="nothing was changed",
        remedy="upgrade this worker, or the Tiercel that the command is of, and run it again",
    )
