"""Repositories: found, created and adopted from bare repositories that are there already."""

from __future__ import annotations

import re
from typing import ClassVar

from tiercel.sandbox.github.git.commands import GitRepository
from tiercel.sandbox.github.git.commits_and_trees import write_commit
from tiercel.sandbox.github.memory.records import References, RepositoryRecord, User
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.rules.errors import invalid, not_found
from tiercel.sandbox.github.rules.synchronize import synchronize, user_signature
from tiercel.sandbox.github.views.repositories import full_repository, minimal_repository
from tiercel.sandbox.github.views.users import simple_user

_NAME = re.compile(r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}")
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_FAVOURITES = ("main", "master", "develop")
_FIRST_BRANCH = "main"


class RepositoryWish(Body):
    """The body of the operations that create a repository."""

    resource: ClassVar[str] = "Repository"

    name: str
    description: str = ""
    private: bool = False
    auto_init: bool = False
    allow_squash_merge: bool = True
    allow_merge_commit: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False


class RepositoryChange(Body):
    """The body of the operation that changes a repository."""

    resource: ClassVar[str] = "Repository"

    description: str = ""
    private: bool = False
    default_branch: str = ""
    allow_squash_merge: bool = True
    allow_merge_commit: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False


def find(world: World, owner: str, name: str) -> RepositoryRecord | None:
    """Return a repository; a bare one that is not known yet is adopted first."""
    if not (_OWNER.fullmatch(owner) and _NAME.fullmatch(name)):
        return None
    known = world.store.one(RepositoryRecord, 0, f"{owner}/{name}".lower())
    if known is None and (world.repositories / owner / f"{name}.git" / "HEAD").is_file():
        return adopt(world, owner, name)
    return known


def find_all(world: World) -> list[RepositoryRecord]:
    """Return every repository, the bare ones that were not known yet among them."""
    for folder in sorted(world.repositories.glob("*/*.git")):
        find(world, folder.parent.name, folder.name.removesuffix(".git"))
    return world.store.all(RepositoryRecord)


def adopt(world: World, owner: str, name: str) -> RepositoryRecord:
    """Remember a bare repository; its branches and tags are nobody's news.

    A HEAD that names no branch is corrected, as GitHub always has a default branch.
    """
    git = GitRepository(world.repositories / owner / f"{name}.git")
    references = git.references("refs/heads", "refs/tags")
    branches = [
        ref.removeprefix("refs/heads/") for ref in references if ref.startswith("refs/heads/")
    ]
    head = git.run("symbolic-ref", "HEAD").decode().strip().removeprefix("refs/heads/")
    if branches and head not in branches:
        head = next((branch for branch in _FAVOURITES if branch in branches), branches[0])
        git.run("symbolic-ref", "HEAD", f"refs/heads/{head}")
    with world.change():
        account = _owner(world, owner)
        now, identifier = world.now(), world.store.next_id()
        world.store.put(References(id=identifier, repository=identifier, heads_and_tags=references))
        return world.store.put(
            RepositoryRecord(
                id=identifier,
                owner=account.id,
                owner_login=account.login,
                name=name,
                private=True,
                default_branch=head,
                created_at=now,
                updated_at=now,
                pushed_at=now,
            )
        )


def create(world: World, owner: str, wish: RepositoryWish) -> RepositoryRecord:
    """Create an empty bare repository; ApiError when the name is taken or malformed."""
    if not (_OWNER.fullmatch(owner) and _NAME.fullmatch(wish.name)):
        raise invalid("Repository", "name", "custom", "name is malformed")
    if find(world, owner, wish.name):
        message = "name already exists on this account"
        raise invalid("Repository", "name", "custom", message)
    folder = world.repositories / owner / f"{wish.name}.git"
    folder.mkdir(parents=True)
    GitRepository(folder).run("init", "--quiet", "--bare", f"--initial-branch={_FIRST_BRANCH}")
    chosen = wish.model_dump(exclude={"name", "auto_init", "description"})
    chosen["description"] = wish.description or None
    repository = adopt(world, owner, wish.name)
    return world.store.put(repository.model_copy(update=chosen))


def _owner(world: World, login: str) -> User:
    known = world.user_of(login)
    return known or world.store.put(
        User(
            id=world.store.next_id(),
            login=login,
            name=login,
            email=f"{login}@localhost",
            type="Organization",
            role=None,
            created_at=world.now(),
        )
    )


def _get(call: ApiCall) -> Answer:
    return Answer(200, full_repository(call.world, call.repository, call.actor.user))


def _update(call: ApiCall) -> Answer:
    wish = call.parse(RepositoryChange)
    update = {name: getattr(wish, name) for name in wish.model_fields_set}
    if wish.has("default_branch"):
        if not call.git.reference(f"refs/heads/{wish.default_branch}"):
            raise invalid("Repository", "default_branch")
        call.git.run("symbolic-ref", "HEAD", f"refs/heads/{wish.default_branch}")
    update["updated_at"] = call.world.now()
    changed = call.world.store.put(call.repository.model_copy(update=update))
    return Answer(200, full_repository(call.world, changed, call.actor.user))


def _create(call: ApiCall, owner: str) -> Answer:
    wish = call.parse(RepositoryWish)
    repository = create(call.world, owner, wish)
    if wish.auto_init:
        who = user_signature(call.world, call.user)
        git = call.world.git(repository)
        readme = git.write("blob", f"# {wish.name}\n".encode())
        tree = git.write("tree", b"100644 README.md\0" + bytes.fromhex(readme))
        git.update(
            f"refs/heads/{_FIRST_BRANCH}", write_commit(git, tree, [], "Initial commit", who, who)
        )
        repository = synchronize(call.world, repository, call.user)
    return Answer(201, full_repository(call.world, repository, call.user))


def _create_in_organization(call: ApiCall) -> Answer:
    if call.user.role != "admin":
        raise not_found()
    return _create(call, call.parameters["org"])


def _create_for_user(call: ApiCall) -> Answer:
    return _create(call, call.user.login)


def _list_in_organization(call: ApiCall) -> Answer:
    owner = call.world.user_of(call.parameters["org"])
    if owner is None:
        raise not_found()
    mine = [r for r in _visible(call)[::-1] if r.owner == owner.id]
    return call.page(mine, lambda repository: minimal_repository(call.world, repository))


def _list_for_user(call: ApiCall) -> Answer:
    found = sorted(_visible(call), key=lambda repository: repository.key)
    return call.page(found, lambda repository: full_repository(call.world, repository, call.user))


def _permission(call: ApiCall) -> Answer:
    """Say what a user may do; who has no role may read what everybody can see.

    https://docs.github.com/en/rest/collaborators/collaborators
    """
    user = call.world.user_of(call.parameters["username"])
    if user is None:
        raise not_found()
    role = user.role or ("none" if call.repository.private else "read")
    legacy = {"maintain": "write", "triage": "read"}.get(role, role)
    shown = full_repository(call.world, call.repository, user)["permissions"]
    person = simple_user(call.world, user) | {"permissions": shown, "role_name": role}
    return Answer(200, {"permission": legacy, "role_name": role, "user": person})


def _visible(call: ApiCall) -> list[RepositoryRecord]:
    return [repository for repository in find_all(call.world) if call.actor.sees(repository)]


ROUTES = (
    Route("GET", "/repos/{owner}/{repo}", _get, read("metadata")),
    Route("PATCH", "/repos/{owner}/{repo}", _update, write("administration")),
    Route(
        "GET",
        "/repos/{owner}/{repo}/collaborators/{username}/permission",
        _permission,
        read("metadata"),
    ),
    Route("GET", "/orgs/{org}/repos", _list_in_organization, "user"),
    Route("POST", "/orgs/{org}/repos", _create_in_organization, "user"),
    Route("GET", "/user/repos", _list_for_user, "user"),
    Route("POST", "/user/repos", _create_for_user, "user"),
)
