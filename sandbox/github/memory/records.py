"""What the stand-in remembers beside git: one frozen record a thing.

`id` is unique across all records. `repository` is the id of the repository that a record
belongs to, and `key` what it is looked up by inside the repository.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["read", "write", "admin"]
Permission = Literal["read", "triage", "write", "maintain", "admin"]
Permissions = dict[str, Level]


class Record(BaseModel):
    """One remembered thing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    repository: int = 0

    @property
    def key(self) -> str:
        """What the record is looked up by inside its repository."""
        return ""


class User(Record):
    """A person, an App's bot or an organization; `role` holds in every repository."""

    login: str
    name: str
    email: str
    type: Literal["User", "Bot", "Organization"]
    role: Permission | None
    created_at: datetime

    @property
    def key(self) -> str:
        """Logins are case-insensitive."""
        return self.login.lower()


class Token(Record):
    """A token, known by its SHA-256 only; None means all that its user may do."""

    digest: str
    user: int
    permissions: Permissions | None
    repositories: list[int] | None
    installation: int | None
    expires_at: datetime | None

    @property
    def key(self) -> str:
        """The token's SHA-256."""
        return self.digest


class App(Record):
    """The GitHub App: its public key checks what its private key signed."""

    slug: str
    name: str
    public_key: str
    bot: int
    installation: int
    permissions: Permissions
    created_at: datetime


class RepositoryRecord(Record):
    """A repository; `numbers` is the last number given to a pull request."""

    owner: int
    owner_login: str
    name: str
    private: bool
    description: str | None = None
    default_branch: str
    numbers: int = 0
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False
    latest_release: int | None = None
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime

    @property
    def full_name(self) -> str:
        """The name with its owner's."""
        return f"{self.owner_login}/{self.name}"

    @property
    def key(self) -> str:
        """Names are case-insensitive."""
        return self.full_name.lower()


class References(Record):
    """The branches and tags as they were last seen: the difference is what was pushed."""

    heads_and_tags: dict[str, str]


class RequiredChecks(BaseModel):
    """Statuses that a commit needs; `strict` also asks that its branch is up to date."""

    strict: bool
    contexts: list[str]


class RequiredReviews(BaseModel):
    """Reviews that a pull request needs; users in `bypass` need none."""

    count: int
    dismiss_stale: bool
    code_owners: bool
    last_push: bool
    bypass: list[int]


class Protection(Record):
    """A protected branch; `restrictions` are the users who may push to it, None is everyone."""

    branch: str
    checks: RequiredChecks | None
    reviews: RequiredReviews | None
    restrictions: list[int] | None
    enforce_admins: bool
    linear_history: bool = False
    force_pushes: bool = False
    deletions: bool = False
    block_creations: bool = False
    conversation_resolution: bool = False
    lock: bool = False
    fork_syncing: bool = False

    @property
    def key(self) -> str:
        """The branch."""
        return self.branch


class RulesetActor(BaseModel):
    """Whom a ruleset lets pass."""

    actor_id: int | None = None
    actor_type: str
    bypass_mode: str = "always"


class RulesetRecord(Record):
    """A ruleset of a repository; `include` and `exclude` are patterns of references."""

    name: str
    target: Literal["branch", "tag", "push"]
    enforcement: Literal["disabled", "active", "evaluate"]
    bypass_actors: list[RulesetActor]
    include: list[str]
    exclude: list[str]
    rules: list[dict[str, Any]]
    created_at: datetime
    updated_at: datetime
