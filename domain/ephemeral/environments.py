"""Environments on demand: who may have one, how many, for how long, and what is kept of each.

The record of one lies in the host's artifact bucket under `record_key` and is never deleted: an
environment that is gone says so. Everything here is pure; times are UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.organization.on_demand import EphemeralName, EphemeralSettings

RECORDS_PREFIX = "ephemeral/"
"""Where the records lie in the host's artifact bucket."""
CANDIDATES_OWNER = "tiercel candidate"
"""Whose the environments are that candidates are verified in; no login on GitHub has a space."""
_TO_COME_UP = timedelta(hours=1)
"""What is over sooner is over: to bring an environment up takes its time."""
_ASK_FOR_LESS = "ask for less, or change [ephemeral] in the worker's tiercel.toml"


class EphemeralState(StrEnum):
    """What an environment on demand is in. One that failed stays in what it failed in."""

    COMING_UP = "coming up"
    UP = "up"
    GOING_DOWN = "going down"
    GONE = "gone"


class OriginKind(StrEnum):
    """What an environment on demand was made from."""

    BRANCH = "branch"
    PULL_REQUEST = "pull request"
    COMMIT = "commit"
    LIVE = "live"
    CANDIDATE = "candidate"
    DRILL = "drill"


class EphemeralRecord(StoredRecord):
    """One environment on demand, as the host's artifact bucket has it.

    `owner` is a login on GitHub, empty if nobody is known to own it. `origin_of` is the branch,
    the number, the commit or the environment that `origin` speaks of. `expires` is when the
    reaper may take it. `seeded` are the services whose stacks got their data. `depends_on` has
    what each of its services waits for, without those that are shared: `borrows` are the shared
    ones whose outputs it takes. `address` is where the environment answers, if a smoke test calls
    it. `generation` grows each time that an environment of this name is made anew. `label` is the
    one that asked for it, empty if somebody did.
    """

    name: EphemeralName
    generation: Annotated[int, Field(ge=1)] = 1
    owner: str
    purpose: str
    origin: OriginKind
    origin_of: str
    repository: str
    commit: str
    services: tuple[str, ...]
    created: datetime
    expires: datetime
    state: EphemeralState
    flow_run: str = ""
    seeded: tuple[str, ...] = ()
    depends_on: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    address: str = ""
    borrows: tuple[str, ...] = ()
    label: str = ""

    @property
    def is_active(self) -> bool:
        """Whether there may be stacks of it."""
        return self.state is not EphemeralState.GONE

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over while there may still be stacks of it."""
        return self.is_active and self.expires <= now

    def to_bytes(self) -> bytes:
        """Return what is stored; lone surrogates could never be read again."""
        body = canonical_json(self.model_dump(mode="json"))
        return body.decode(errors="replace").encode()


def record_key(name: str) -> str:
    """Return the key of an environment's record in the host's artifact bucket."""
    return f"{RECORDS_PREFIX}{name}.json"


@dataclass(frozen=True)
class EphemeralWish:
    """What somebody asks for: `services` with what each waits for; `hours` is 0 for the default.

    `borrows` are services whose outputs it takes from the stacks of its host.
    """

    name: str
    owner: str
    purpose: str
    origin: OriginKind
    origin_of: str
    repository: str
    commit: str
    services: Mapping[str, tuple[str, ...]]
    flow_run: str
    hours: int = 0
    borrows: tuple[str, ...] = ()
    label: str = ""


def require_name_of_its_own(name: str, environments: Collection[str]) -> None:
    """Raise RefusedInputError for the name of an environment of tiercel.toml.

    Nothing of that one would be touched, but whoever reads of the stacks would think so.
    """
    if name in environments:
        raise RefusedInputError(
            "ephemeral.name_of_environment",
            f"an environment on demand is not called {name}",
            where="environments in tiercel.toml",
            why="an environment that stays has this name, and the two would be confused",
            state="nothing was made",
            remedy="give yours another name with --name",
        )


def begun(
    found: EphemeralRecord | None, wish: EphemeralWish, settings: EphemeralSettings, now: datetime
) -> EphemeralRecord:
    """Return the record of an environment that begins to come up, or is brought to a newer commit.

    One that is there keeps its owner and its age, and its expiry unless hours are asked for or its
    time is over: then it lives on for them, or for the whole hours that are left of its longest
    life. Raises RefusedInputError for a name that something else has, for one that is going down,
    and for a life that is too long.
    """
    if found is None or not found.is_active:
        hours = wish.hours or settings.default_hours
        _require_hours(wish.name, hours, settings)
        return _created(wish, found.generation + 1 if found else 1, now, hours)
    if _origin(found) != _origin(wish):
        raise _taken(found)
    if found.state is EphemeralState.GOING_DOWN:
        raise _going_down(found)
    update = {
        "commit": wish.commit,
        "services": tuple(dict.fromkeys((*found.services, *wish.services))),
        "depends_on": {**found.depends_on, **wish.services},
        "borrows": tuple(dict.fromkeys((*found.borrows, *wish.borrows))),
        "state": EphemeralState.COMING_UP,
        "flow_run": wish.flow_run,
    }
    return _living_on(found, wish, settings, now).model_copy(update=update)


def require_within_limits(
    own: EphemeralRecord, everything: Iterable[EphemeralRecord], settings: EphemeralSettings
) -> None:
    """Raise RefusedInputError if others had all the room before this environment was made.

    It is asked once the own record is written and all are read again: of two that came at once
    both see the same order, so that never more are left than the limits allow.
    """
    older = [
        one
        for one in everything
        if one.is_active and one.name != own.name and _age(one) < _age(own)
    ]
    of_owner = [one for one in older if one.owner.lower() == own.owner.lower()]
    if len(of_owner) >= settings.most_of_one:
        whose = own.owner or "nobody"
        raise _too_many(own, f"{whose} has {_named(of_owner)}", "most_of_one", settings.most_of_one)
    if len(older) >= settings.most_of_all:
        raise _too_many(own, f"there are {_named(older)}", "most_of_all", settings.most_of_all)


def extended(
    record: EphemeralRecord, hours: int, settings: EphemeralSettings, now: datetime
) -> EphemeralRecord:
    """Return the record with so many hours left from now; it never shortens a life.

    No environment lives longer than `longest_hours` in all. Raises RefusedInputError for more,
    and for one that is gone or going.
    """
    if record.state in {EphemeralState.GONE, EphemeralState.GOING_DOWN}:
        raise _not_there(record)
    room = _last_end(record, settings) - now
    if hours < 1 or hours > room / timedelta(hours=1):
        raise RefusedInputError(
            "ephemeral.too_long_in_all",
            f"environment {record.name} cannot live {hours} hours from now",
            where="ephemeral.longest_hours in tiercel.toml",
            why=f"it was made at {record.created:%d %B %H:%M} UTC, and none lives longer than "
            f"{settings.longest_hours} hours in all",
            state=f"it lives until {record.expires:%d %B %H:%M} UTC, as before",
            remedy=_ASK_FOR_LESS,
        )
    return record.model_copy(update={"expires": max(record.expires, now + timedelta(hours=hours))})


def in_state(record: EphemeralRecord, state: EphemeralState, generation: int) -> EphemeralRecord:
    """Return the record in another state, unless it is of another generation by now."""
    if record.generation != generation:
        return record
    return record.model_copy(update={"state": state})


def overtaken_by(record: EphemeralRecord, flow_run: str) -> str:
    """Return the commit that another run has begun to bring up since, empty if none has.

    Raises RefusedInputError for an environment that went down meanwhile.
    """
    if record.state in {EphemeralState.GOING_DOWN, EphemeralState.GONE}:
        raise _not_there(record)
    return "" if record.flow_run == flow_run else record.commit


def came_up(record: EphemeralRecord, address: str, flow_run: str) -> EphemeralRecord:
    """Return the record of an environment that is up; RefusedInputError if it went down meanwhile.

    A run of a newer commit that is still at work says so itself.
    """
    if record.state is EphemeralState.COMING_UP and record.flow_run == flow_run:
        return record.model_copy(update={"state": EphemeralState.UP, "address": address})
    if record.state in {EphemeralState.GOING_DOWN, EphemeralState.GONE}:
        raise _not_there(record)
    return record


def known(record: EphemeralRecord | None, name: str) -> EphemeralRecord:
    """Return the record; RefusedInputError if there never was an environment of that name."""
    if record is not None:
        return record
    raise RefusedInputError(
        "ephemeral.unknown",
        f"there is no environment {name}",
        where=f"the record {record_key(name)}",
        state="nothing was changed",
        remedy="see `tiercel ephemeral list` for those that there are",
    )


def going_down(record: EphemeralRecord | None, name: str, flow_run: str) -> EphemeralRecord:
    """Return the record of an environment whose stacks are about to be deleted.

    One that is gone stays so. Raises RefusedInputError if there never was one of that name.
    """
    found = known(record, name)
    if not found.is_active:
        return found
    return found.model_copy(update={"state": EphemeralState.GOING_DOWN, "flow_run": flow_run})


def deletion_waits(record: EphemeralRecord) -> dict[str, tuple[str, ...]]:
    """Return of each service which stacks have to be gone before its own: those that use it."""
    needs = record.depends_on
    return {
        service: tuple(other for other in record.services if service in needs.get(other, ()))
        for service in record.services
    }


def seeded(record: EphemeralRecord, service: str, generation: int) -> EphemeralRecord:
    """Return the record with one more service that has its data."""
    if record.generation != generation or service in record.seeded:
        return record
    return record.model_copy(update={"seeded": (*record.seeded, service)})


def information_tags(record: EphemeralRecord) -> dict[str, str]:
    """Return the tags that tell about a stack what the record says; the record is the truth.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html has the characters.
    """
    told = {
        "tiercel:owner": record.owner or "nobody",
        "tiercel:purpose": record.purpose,
        "tiercel:origin": f"{record.origin} {record.origin_of}",
        "tiercel:expires": record.expires.strftime("%Y-%m-%dT%H:%MZ"),
    }
    return {key: _tag_value(value) for key, value in told.items()}


_TAG_CHARACTERS = frozenset(" +-=._:/@")
_LONGEST_TAG = 256


def _tag_value(text: str) -> str:
    legal = "".join(one if one.isalnum() or one in _TAG_CHARACTERS else "_" for one in text)
    return legal[:_LONGEST_TAG].strip() or "none"


def _created(wish: EphemeralWish, generation: int, now: datetime, hours: int) -> EphemeralRecord:
    return EphemeralRecord(
        name=wish.name,
        generation=generation,
        owner=wish.owner,
        purpose=wish.purpose,
        origin=wish.origin,
        origin_of=wish.origin_of,
        repository=wish.repository,
        commit=wish.commit,
        services=tuple(wish.services),
        depends_on=dict(wish.services),
        borrows=wish.borrows,
        created=now,
        expires=now + timedelta(hours=hours),
        state=EphemeralState.COMING_UP,
        flow_run=wish.flow_run,
        label=wish.label,
    )


def _living_on(
    found: EphemeralRecord, wish: EphemeralWish, settings: EphemeralSettings, now: datetime
) -> EphemeralRecord:
    """Return the record with the time that it needs: the reaper would take one that is over."""
    is_over = found.has_expired(now + _TO_COME_UP)
    # A run that is repeated got its hours when it began.
    asked = wish.hours if wish.flow_run != found.flow_run or is_over else 0
    if asked:
        _require_hours(found.name, asked, settings)
    elif not is_over:
        return found
    room = (_last_end(found, settings) - now) // timedelta(hours=1)
    if room >= 1:
        return extended(found, min(asked or settings.default_hours, room), settings, now)
    if found.has_expired(now):
        raise _no_time_left(found, settings)
    return found


def _last_end(record: EphemeralRecord, settings: EphemeralSettings) -> datetime:
    return record.created + timedelta(hours=settings.longest_hours)


def _origin(of: EphemeralRecord | EphemeralWish) -> tuple[OriginKind, str, str]:
    return of.origin, of.origin_of, of.repository


def _age(record: EphemeralRecord) -> tuple[datetime, str]:
    return record.created, record.name


def _named(records: Iterable[EphemeralRecord]) -> str:
    return ", ".join(sorted(one.name for one in records))


def _require_hours(name: str, hours: int, settings: EphemeralSettings) -> None:
    if 1 <= hours <= settings.longest_hours:
        return
    raise RefusedInputError(
        "ephemeral.too_long",
        f"environment {name} cannot live {hours} hours",
        where="ephemeral.longest_hours in tiercel.toml",
        why=f"an environment on demand lives 1 to {settings.longest_hours} hours",
        state="nothing was made",
        remedy=_ASK_FOR_LESS,
    )


def _too_many(own: EphemeralRecord, why: str, key: str, limit: int) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.too_many",
        f"environment {own.name} is one too many",
        where=f"ephemeral.{key} in tiercel.toml",
        why=f"{why}; the limit is {limit}",
        state="no stack was made",
        remedy="take one down with `tiercel ephemeral down`, then ask again",
    )


def _taken(found: EphemeralRecord) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.name_taken",
        f"there is an environment {found.name} of something else",
        where=f"{found.origin} {found.origin_of} of {found.repository}",
        why=f"{found.owner or 'nobody'} has it since {found.created:%d %B %H:%M} UTC",
        state="nothing was changed",
        remedy="give yours another name with --name",
    )


def _going_down(found: EphemeralRecord) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.going_down",
        f"environment {found.name} is going down",
        where=f"{found.origin} {found.origin_of} of {found.repository}",
        why="its stacks are being deleted, or the run that did it was killed",
        state="nothing was changed",
        remedy="take it down again, which waits for its end, then ask again",
    )


def _no_time_left(found: EphemeralRecord, settings: EphemeralSettings) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.no_time_left",
        f"the time of environment {found.name} is over",
        where="ephemeral.longest_hours in tiercel.toml",
        why=f"it was made at {found.created:%d %B %H:%M} UTC, and none lives longer than "
        f"{settings.longest_hours} hours in all",
        state="nothing was changed",
        remedy=f"take it down with `tiercel ephemeral down {found.name}`, then ask again",
    )


def _not_there(record: EphemeralRecord) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.not_there",
        f"environment {record.name} is {record.state}",
        where=f"the record {record_key(record.name)}",
        state="nothing was changed",
        remedy="bring one up again with `tiercel ephemeral up`",
    )
