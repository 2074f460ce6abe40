"""A burst of merges deploys the newest: what older runs find out before they begin."""

from __future__ import annotations

from collections.abc import Mapping

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.release.superseding import failed_commits
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import PreparedCommit, read_source_trees
from tiercel.tasks.records.artifacts import find_artifact
from tiercel.tasks.records.ledger import read_history
from tiercel.tasks.source.history import commits_after
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.services import load_services

_MOST_COMMITS = 20
"""Newer commits that are looked at; who is further behind is not in a burst."""


async def superseding_commit(prepared: PreparedCommit) -> str:
    """Return the newest later commit of the branch that is ready to be deployed, empty if none.

    Ready is a commit of whose services every artifact is published: its own deploy is under
    way or was made. One whose build or deploy failed supersedes nothing, and neither does one
    with the same sources: to deploy this one is to deploy that.
    """
    branch = prepared.target.names.environment.branch
    newer = await call(commits_after, prepared.commit, branch, _MOST_COMMITS)
    failed = await _failed_commits(prepared) if newer else set()
    known: dict[str, bool] = {}
    for sha in newer:
        trees = await _trees(prepared, sha)
        if sha not in failed and trees and await _all_published(prepared, trees, known):
            return "" if _artifacts(trees) == _artifacts(prepared.trees) else sha
    return ""


async def _failed_commits(prepared: PreparedCommit) -> set[str]:
    """Return the commits whose newest release of some service failed; rollbacks tell nothing."""
    names = prepared.target.names
    histories = await each(
        prepared.topology.services,
        lambda service: call(
            read_history,
            prepared.target.records,
            names.stack(service),
        ),
    )
    return {commit for history in histories for commit in failed_commits(history)}


async def _trees(prepared: PreparedCommit, sha: str) -> dict[str, SourceTree]:
    """Return the source trees of a commit's services, none if it describes no services."""
    here = prepared.commit
    commit = Commit(repository=here.repository, sha=sha, mirror=here.mirror)
    try:
        described = await call(load_services, commit, prepared.topology)
        return await read_source_trees(commit, described)
    except (ConfigurationError, RefusedInputError):
        return {}


def _artifacts(trees: Mapping[str, SourceTree]) -> dict[str, str]:
    return {name: tree.artifact_id for name, tree in trees.items()}


async def _all_published(
    prepared: PreparedCommit, trees: Mapping[str, SourceTree], known: dict[str, bool]
) -> bool:
    """`known` keeps what was found of artifacts: commits share most of them."""
    unknown = [tree for tree in trees.values() if tree.artifact_id not in known]
    found = await each(unknown, lambda tree: _exists(prepared, tree))
    known.update(zip((tree.artifact_id for tree in unknown), found, strict=True))
    return all(known[tree.artifact_id] for tree in trees.values())


async def _exists(prepared: PreparedCommit, tree: SourceTree) -> bool:
    return await call(find_artifact, prepared.target.records, tree) is not None
