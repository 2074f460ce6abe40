"""One call of the API: what an operation gets, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from tiercel.sandbox.github.git.commands import GitRepository
from tiercel.sandbox.github.memory.records import Level, Record, RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, World
from tiercel.sandbox.github.rules.auth import Actor
from tiercel.sandbox.github.rules.errors import (
    BODY_NOT_AN_OBJECT,
    EMPTY_REPOSITORY,
    PROBLEMS_PARSING_JSON,
    VALIDATION_FAILED,
    ApiError,
    invalid,
    not_found,
)

_LARGEST_PAGE = 100
_DEFAULT_PAGE = 30
_LARGEST_NUMBER = 10**9


class Body(BaseModel):
    """What a client sends; types are not converted, unknown fields are ignored as GitHub does."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    resource: ClassVar[str] = "Resource"
    # Some operations explain what is wrong with sentences instead of objects.
    sentences: ClassVar[bool] = False

    def has(self, field_name: str) -> bool:
        """Tell whether the client sent the field."""
        return field_name in self.model_fields_set


B = TypeVar("B", bound=Body)
_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True)
class Answer:
    """An answer with a JSON body; None is no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiCall:
    """One authorized call. `repository` is the one in the path."""

    world: World
    actor: Actor
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    raw_body: bytes
    address: str
    found: RepositoryRecord | None = None

    @property
    def repository(self) -> RepositoryRecord:
        """The repository in the path; ApiError when the path has none."""
        if self.found is None:
            raise not_found()
        return self.found

    @property
    def git(self) -> GitRepository:
        """The repository's bare git repository."""
        return self.world.git(self.repository)

    @property
    def user(self) -> User:
        """Who calls."""
        return self.actor.must_be_user

    def number(self, name: str) -> int:
        """Return a number in the path; 404 when it is none."""
        text = self.parameters[name]
        if not (text.isascii() and text.isdigit() and len(text) < 18):
            raise not_found()
        return int(text)

    def record(self, kind: type[_R], name: str) -> _R:
        """Return this repository's record whose id is in the path; 404 when there is none."""
        record = self.world.store.get(kind, self.number(name))
        if record is None or record.repository != self.repository.id:
            raise not_found()
        return record

    def commit(self, name: str) -> str:
        """Return the commit that a name names; 404 or 422 when there is none, as GitHub does."""
        if not self.git.references("refs/heads"):
            raise ApiError(EMPTY_REPOSITORY)
        sha = self.git.commit(name)
        if sha is None:
            raise ApiError(VALIDATION_FAILED, message=f"No commit found for SHA: {name}")
        return sha

    def parse(self, model: type[B]) -> B:
        """Return the body as the model; an absent body is an empty object.

        ApiError 400 when it is no JSON or no object, 422 when a field is missing or wrong.
        """
        if self.raw_body.strip() in {b"", b"null"}:
            data: Any = {}
        else:
            data = parse_json(self.raw_body)
        if not isinstance(data, dict):
            raise ApiError(BODY_NOT_AN_OBJECT)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise _validation_error(model, error) from error

    def page(self, items: Sequence[Any], show: Callable[[Any], JsonObject] | None = None) -> Answer:
        """Return the page of items that the query asks for, with links to the others.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        chosen, headers = self.cut(items)
        return Answer(200, [show(item) for item in chosen] if show else list(chosen), headers)

    def cut(self, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
        """Return the page's items, and the headers that lead to the other pages."""
        size = min(self._positive("per_page", _DEFAULT_PAGE), _LARGEST_PAGE)
        number = self._positive("page", 1)
        last = max(1, -(-len(items) // size))
        links: dict[str, int] = {}
        if number > 1:
            links |= {"prev": min(number - 1, last)}
        if number < last:
            links |= {"next": number + 1, "last": last}
        if number > 1:
            links |= {"first": 1}
        text = ", ".join(f'<{self._at(page)}>; rel="{name}"' for name, page in links.items())
        return items[(number - 1) * size : number * size], {"Link": text} if text else {}

    def _positive(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return value if 0 < value < _LARGEST_NUMBER else default

    def _at(self, page: int) -> str:
        return f"{self.address}?{urlencode({**self.query, 'page': page})}"


def parse_json(raw: bytes) -> Any:
    """Return JSON as Python values; ApiError 400 for what is none, or no Unicode text.

    Python would accept NaN, numbers that become infinite and halves of surrogate pairs.
    """
    try:
        data = json.loads(raw.decode(), parse_constant=_no_constant)
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(PROBLEMS_PARSING_JSON) from error
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _validation_error(model: type[Body], error: ValidationError) -> ApiError:
    errors: list[JsonObject | str] = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        code = "missing_field" if problem["type"] == "missing" else "invalid"
        if model.sentences:
            errors.append(f"{name}: {problem['msg']}")
        else:
            fields = {"resource": model.resource, "field": name, "code": code}
            errors.append(fields | {"message": problem["msg"]})
    return ApiError(VALIDATION_FAILED, errors=errors)


def longer_than(resource: str, field_name: str, text: str | None, limit: int) -> None:
    """Refuse a text that has more characters than GitHub takes."""
    if text is not None and len(text) > limit:
        message = f"{field_name} is too long (maximum is {limit} characters)"
        raise invalid(resource, field_name, "custom", message)


@dataclass(frozen=True)
class Need:
    """What a caller must be allowed: one of the permissions, at a level."""

    level: Level
    permissions: tuple[str, ...]


def read(*permissions: str) -> Need:
    """Return the need to read with one of the permissions."""
    return Need("read", permissions)


def write(*permissions: str) -> Need:
    """Return the need to write with one of the permissions."""
    return Need("write", permissions)


@dataclass(frozen=True)
class Route:
    """An operation under GitHub's own path template.

    `need` is what is needed in the path's repository; "user" needs any token of a user or an
    installation, "app" a JSON web token of the App, "anyone" nothing.
    """

    method: str
    template: str
    handler: Callable[[ApiCall], Answer]
    need: Need | str
