"""Tags and releases on GitHub, and how branches compare."""

from __future__ import annotations

from domain.errors import RefusedInputError
from domain.promotion import Tag
from domain.topology import Frozen
from domain.versions import Version
from tasks.github_client import repository, translated
from tasks.task import run_logger, world_task


class Comparison(Frozen):
    """What `head` has that `base` lacks; `files` counts paths whose content differs."""

    ahead_by: int
    behind_by: int
    files: int


@world_task("read version tags", "read version tags of {name}")
def read_version_tags(name: str) -> list[Tag]:
    """Return the tags that name versions; others are none of our business."""
    with translated("read tags", name):
        tags = [Tag(version=tag.name, commit=tag.commit.sha) for tag in repository(name).get_tags()]
    return [tag for tag in tags if _is_version(tag.version)]


@world_task("tag version", "tag {version} of {name}")
def tag_version(name: str, version: str, commit: str) -> bool:
    """Create the tag of a version; True if this call did.

    Raises RefusedInputError if it names another commit already.
    """
    with translated("create a tag", f"{name} {version}"):
        for found in repository(name).get_git_matching_refs(f"tags/{version}"):
            if found.ref != f"refs/tags/{version}":
                continue
            if found.object.sha == commit:
                return False
            raise RefusedInputError(
                f"tag {version} names another commit",
                where=name,
                why=f"it names {found.object.sha[:7]} and not {commit[:7]}",
                state="prod runs the new version; the tag was not moved",
                remedy="release under a higher version",
            )
        repository(name).create_git_ref(f"refs/tags/{version}", commit)
        return True


@world_task("publish GitHub release", "publish GitHub release {version}")
def publish_release(name: str, version: str, commit: str, notes: str) -> str:
    """Create or bring up to date the GitHub release of a tag; return its address."""
    with translated("publish a release", f"{name} {version}"):
        for found in repository(name).get_releases():
            if found.tag_name == version:
                if found.body != notes:
                    found.update_release(name=version, message=notes)
                return str(found.html_url)
        made = repository(name).create_git_release(
            tag=version, name=version, message=notes, target_commitish=commit
        )
        run_logger().info("GitHub release %s: %s", version, made.html_url)
        return str(made.html_url)


@world_task("compare", "compare {base} with {head}")
def compare(name: str, base: str, head: str) -> Comparison:
    """Return how two branches, tags or commits of a repository differ."""
    with translated("compare branches", f"{name} {base}...{head}"):
        found = repository(name).compare(base, head)
        return Comparison(
            ahead_by=found.ahead_by, behind_by=found.behind_by, files=len(found.files)
        )


@world_task("list merged commits", "list commits of {name} since {base}")
def commits_between(name: str, base: str, head: str) -> list[str]:
    """Return the ids of the commits that `head` has and `base` lacks.

    An empty `base` stands for what the branch had before `head` was merged into it.
    """
    with translated("list commits", f"{name} {base}...{head}"):
        target = repository(name)
        if not base:
            parents = target.get_commit(head).parents
            base = parents[0].sha if parents else head
        return [*(commit.sha for commit in target.compare(base, head).commits), head]


def _is_version(tag: str) -> bool:
    try:
        return Version.parse(tag).tag == tag
    except RefusedInputError:
        return False
