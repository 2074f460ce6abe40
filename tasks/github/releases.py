"""Tags and releases on GitHub."""

from __future__ import annotations

from github.GitObject import GitObject
from github.GitRelease import GitRelease

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.tags import Tag, parse_tag
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.github.transport.client import github_call, repository


@world_task("read version tags", "read version tags of {name}")
def read_version_tags(name: str) -> list[Tag]:
    """Return the tags that name versions of the repository; others are none of our business."""
    project = name.rpartition("/")[2]
    with github_call("read tags", name):
        tags = [parse_tag(tag.name, tag.commit.sha, project) for tag in repository(name).get_tags()]
    return [tag for tag in tags if tag]


@world_task("tag version", "tag {version} of {name}")
def tag_version(name: str, version: str, commit: str) -> bool:
    """Create the tag of a version; True if this call did.

    Raises RefusedInputError if it names another commit already.
    """
    with github_call("create a tag", f"{name} {version}"):
        for found in repository(name).get_git_matching_refs(f"tags/{version}"):
            if found.ref != f"refs/tags/{version}":
                continue
            tagged = _peeled(name, found.object)
            if tagged == commit:
                return False
            raise RefusedInputError(
                "version.tag_taken",
                f"tag {version} names another commit",
                where=name,
                why=f"it names {short_commit(tagged)} and not {short_commit(commit)}",
                state="prod runs the new version; the tag was not moved",
                remedy="release under a higher version",
            )
        repository(name).create_git_ref(f"refs/tags/{version}", commit)
        return True


@world_task("publish GitHub release", "publish GitHub release {version}")
def publish_release(name: str, version: str, commit: str, notes: str) -> str:
    """Create the GitHub release of a tag, unless there is one; return its address.

    What people have made of it stays as it is. A draft that they prepared is published, with the
    notes if it has no text of its own.
    """
    with github_call("publish a release", f"{name} {version}"):
        there = [one for one in repository(name).get_releases() if one.tag_name == version]
        if there:
            found = min(there, key=lambda one: bool(one.draft))
            _publish(found, notes)
            return str(found.html_url)
        made = repository(name).create_git_release(
            tag=version, name=version, message=notes, target_commitish=commit
        )
        run_logger().info("GitHub release %s: %s", version, made.html_url)
        return str(made.html_url)


def _publish(found: GitRelease, notes: str) -> None:
    if not found.draft:
        run_logger().info("GitHub release %s is there: it stays as it is", found.tag_name)
        return
    found.update_release(
        name=found.name or found.tag_name,
        message=found.body or notes,
        prerelease=bool(found.prerelease),
    )


def _peeled(name: str, named: GitObject) -> str:
    """Return the commit that a tag names; an annotated tag is an object of its own."""
    while named.type == "tag":
        named = repository(name).get_git_tag(named.sha).object
    return named.sha
