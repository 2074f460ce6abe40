"""Pull requests: opened and read.

https://docs.github.com/en/rest/pulls/pulls
"""

from __future__ import annotations

from typing import ClassVar

from tiercel.sandbox.github.git.differences import changes
from tiercel.sandbox.github.memory.activities import PullRequestRecord
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.rules.errors import invalid, not_found, refused_because
from tiercel.sandbox.github.rules.events import Teller
from tiercel.sandbox.github.rules.protection import mergeable_state
from tiercel.sandbox.github.rules.synchronize import refreshed, show_test_merge
from tiercel.sandbox.github.views.commits import list_commits, listed_files
from tiercel.sandbox.github.views.pulls import full_pull, issue, simple_pull

TITLE_LIMIT = 256
TEXT_LIMIT = 65536
_MOST_FILES = 3000
_MOST_COMMITS = 250


class PullWish(Body):
    """The body of the operation that opens a pull request."""

    resource: ClassVar[str] = "PullRequest"

    title: str
    head: str
    base: str
    body: str | None = None
    draft: bool = False
    maintainer_can_modify: bool = False


def pull_of(call: ApiCall, name: str = "pull_number") -> PullRequestRecord:
    """Return the pull request whose number is in the path; 404 when there is none."""
    number = call.number(name)
    pull = call.world.store.one(PullRequestRecord, call.repository.id, str(number))
    if pull is None:
        raise not_found()
    return pull


def teller(call: ApiCall) -> Teller:
    """Return who tells the repository's webhooks what this caller does."""
    return Teller(call.world, call.repository, call.user)


def full_view(call: ApiCall, pull: PullRequestRecord) -> JsonObject:
    """Return a pull request as its own address shows it."""
    state = mergeable_state(call.world, call.repository, pull)
    return full_pull(call.world, call.repository, pull, state)


def _list(call: ApiCall) -> Answer:
    query = call.query
    state = query.get("state", "open")
    head = query.get("head", "").partition(":")[2]
    found = [
        pull
        for pull in call.world.store.find(PullRequestRecord, call.repository.id)
        if state in {"all", pull.state}
        and query.get("base", pull.base_ref) == pull.base_ref
        and (not head or query["head"] == f"{call.repository.owner_login}:{pull.head_ref}")
    ]
    sort = query.get("sort", "created")
    if sort == "updated":
        found.sort(key=lambda pull: pull.updated_at)
    if query.get("direction", "desc" if sort == "created" else "asc") == "desc":
        found.reverse()
    return call.page(found, lambda pull: simple_pull(call.world, call.repository, pull))


def _create(call: ApiCall) -> Answer:
    wish, git = call.parse(PullWish), call.git
    if not wish.title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    longer_than("PullRequest", "title", wish.title, TITLE_LIMIT)
    longer_than("PullRequest", "body", wish.body, TEXT_LIMIT)
    owner, colon, rest = wish.head.partition(":")
    ours = colon and owner.lower() == call.repository.owner_login.lower()
    head_ref = rest if ours else wish.head
    head, base = (git.reference(f"refs/heads/{name}") for name in (head_ref, wish.base))
    if head is None or base is None:
        raise invalid("PullRequest", "head" if head is None else "base")
    check_openable(call, head_ref, wish.base, head, base)
    pull = PullRequestRecord(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        number=_next_number(call),
        title=wish.title,
        body=wish.body,
        draft=wish.draft,
        user=call.user.id,
        head_ref=head_ref,
        head_sha=head,
        base_ref=wish.base,
        base_sha=base,
        last_pusher=call.user.id,
        maintainer_can_modify=wish.maintainer_can_modify,
        created_at=call.world.now(),
        updated_at=call.world.now(),
    )
    pull = refreshed(call.world, call.repository, pull)
    teller(call).pull_request("opened", pull)
    view = full_view(call, pull)
    return Answer(201, view, {"Location": view["url"]})


def check_openable(call: ApiCall, head_ref: str, base_ref: str, head: str, base: str) -> None:
    """Raise ApiError when GitHub would not open a pull request between two branches."""
    if head_ref == base_ref or call.git.is_ancestor(head, base):
        message = f"No commits between {base_ref} and {head_ref}"
        raise refused_because("PullRequest", message)
    for other in call.world.store.find(PullRequestRecord, call.repository.id):
        if (other.state, other.head_ref, other.base_ref) == ("open", head_ref, base_ref):
            owner = call.repository.owner_login
            raise refused_because(
                "PullRequest", f"A pull request already exists for {owner}:{head_ref}."
            )
    if call.git.merge_base(base, head) is None:
        message = f"The {head_ref} branch has no history in common with {base_ref}"
        raise refused_because("PullRequest", message)


def _next_number(call: ApiCall) -> int:
    repository = call.world.store.get(RepositoryRecord, call.repository.id) or call.repository
    number = repository.numbers + 1
    call.world.store.put(repository.model_copy(update={"numbers": number}))
    return number


def _get(call: ApiCall) -> Answer:
    pull = pull_of(call)
    view = full_view(call, pull)
    if pull.unknown_reads:
        left = pull.unknown_reads - 1
        pull = call.world.store.put(pull.model_copy(update={"unknown_reads": left}))
        if not left:
            show_test_merge(call.world.git(call.repository), pull)
    return Answer(200, view)


def _get_issue(call: ApiCall) -> Answer:
    pull = pull_of(call, "issue_number")
    return Answer(200, issue(call.world, call.repository, pull))


def _commits(call: ApiCall) -> Answer:
    pull = pull_of(call)
    span = (f"^{pull.base_sha}", pull.head_sha)
    shas = call.git.history("--reverse", "--topo-order", *span, "--")[:_MOST_COMMITS]
    chosen, headers = call.cut(shas)
    return Answer(200, list_commits(call.world, call.repository, chosen), headers)


def _files(call: ApiCall) -> Answer:
    pull = pull_of(call)
    start = call.git.merge_base(pull.base_sha, pull.head_sha)
    files = changes(call.git, start, pull.head_sha)[:_MOST_FILES]
    chosen, headers = call.cut(files)
    return Answer(200, listed_files(call.world, call.repository, pull.head_sha, chosen), headers)


_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{pull_number}}"
ROUTES = (
    Route("GET", _PULLS, _list, read("pull_requests")),
    Route("POST", _PULLS, _create, write("pull_requests")),
    Route("GET", _PULL, _get, read("pull_requests")),
    Route("GET", f"{_PULL}/commits", _commits, read("pull_requests")),
    Route("GET", f"{_PULL}/files", _files, read("pull_requests")),
    Route(
        "GET",
        "/repos/{owner}/{repo}/issues/{issue_number}",
        _get_issue,
        read("issues", "pull_requests"),
    ),
)
