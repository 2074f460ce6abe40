"""What a check saw of an environment's accounts, as values. Whatever was not seen says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.values import PolicyDocument

"""A policy document, as AWS returns it or as `policies/` has it, filled in."""


@dataclass(frozen=True)
class Unread:
    """Something that could not be read or done, and the world's own words why.

    `passing` if it may pass by itself: then it says nothing about the thing.
    """

    why: str
    passing: bool = False

    @classmethod
    def of(cls, error: TiercelError) -> Self:
        """Return what a failure tells."""
        words = f"{error.what}: {error.why}" if error.why else error.what
        return cls(words, passing=error.transient)


@dataclass(frozen=True)
class RoleSeen:
    """A role: who may become it, what it may do. `attached` has ARNs of managed policies."""

    trust: PolicyDocument
    inline: Mapping[str, PolicyDocument]
    attached: tuple[str, ...] = ()
    boundary: str = ""


@dataclass(frozen=True)
class Encryption:
    """With what a bucket encrypts objects for which the writer names nothing."""

    algorithm: str
    key: str
    bucket_key: bool


@dataclass(frozen=True)
class LifecycleRule:
    """An enabled rule of a bucket's lifecycle. An empty prefix is the whole bucket."""

    prefix: str
    aborts_uploads: bool
    expires: bool


@dataclass(frozen=True)
class BucketSeen:
    """A bucket's settings. None stands for a setting that was never made."""

    versioning: str | Unread | None
    blocks: Mapping[str, bool] | Unread | None
    ownership: str | Unread | None
    encryption: Encryption | Unread | None
    lifecycle: tuple[LifecycleRule, ...] | Unread | None
    policy: PolicyDocument | Unread | None


@dataclass(frozen=True)
class KeySeen:
    """A KMS key, as its alias leads to it. `rotates` is None where AWS rotates no such key."""

    arn: str
    state: str
    spec: str
    usage: str
    policy: PolicyDocument | Unread
    rotates: bool | Unread | None = None


@dataclass(frozen=True)
class Quota:
    """How much of something an account has, and how much it may have."""

    name: str
    used: int
    most: int
