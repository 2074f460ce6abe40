"""What is kept in a bucket for years, and read by older and newer versions of Tiercel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from tiercel.domain.base.errors import RefusedInputError

FIRST_FORMAT = 1
"""That of every record without a number, for ever: versions before 0.3 wrote none."""

_STORED: Final[Mapping[str, bool]] = {"stored": True}
"""The context in which a record without a number is of the first format."""
_Number = Annotated[int, Field(strict=True, ge=FIRST_FORMAT)]


class StoredRecord(BaseModel):
    """A value that is written once and read for years, with the number of its format.

    A kind's default is the number that this Tiercel writes, and the highest that it reads. It is
    raised with a key that a reader has to understand. A key that may be passed over needs no new
    number: of a format that is known, unknown keys mean nothing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ADDED: ClassVar[Mapping[str, int]] = {}
    """The format in which each key came that earlier ones do not have."""

    format: _Number = 2

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_format(cls, data: Any, info: ValidationInfo) -> Any:
        is_old = info.context is _STORED and isinstance(data, dict) and "format" not in data
        return {**data, "format": FIRST_FORMAT} if is_old else data

    @model_validator(mode="after")
    def _has_no_later_key(self) -> Self:
        later = [key for key in self.model_fields_set if self.ADDED.get(key, 0) > self.format]
        if later:
            raise ValueError(f"format {self.format} has no {', '.join(later)}")
        return self

    @model_serializer(mode="wrap")
    def _as_it_was_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        added = {"format": FIRST_FORMAT + 1} | dict(self.ADDED)
        return {key: one for key, one in written.items() if added.get(key, 0) <= self.format}


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
    return kind.model_validate_json(body, context=_STORED)


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
