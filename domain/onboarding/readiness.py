"""What would stop a first release, of all that is no service's own fault."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tiercel.domain.base.errors import ConfigurationError, RefusedInputError, TiercelError
from tiercel.domain.onboarding.callers import CALLERS_FOLDER, NEEDED_CALLERS, calls_no_copy
from tiercel.domain.organization.topology import Topology


def accounts_unknown(where: str) -> ConfigurationError:
    """Return the error of a repository whose environments nobody has described."""
    return ConfigurationError(
        "onboarding.no_accounts",
        "no environment is described: services were judged with made-up accounts",
        where=where,
        state="nothing was called",
        remedy="describe [organization] and [environments] there, as `tiercel init` lays them out, "
        "or name the worker's file with --config",
    )


def repository_refusals(
    topology: Topology,
    repository: str,
    branches: Collection[str],
    workflows: Mapping[str, str],
) -> Iterator[TiercelError]:
    """Yield what would keep the repository itself from being released.

    `repository` is its name on GitHub, empty if that is unknown; `workflows` are the texts of its
    workflows by their paths.
    """
    if repository and not topology.organization.owns(repository):
        yield RefusedInputError(
            "onboarding.not_listed",
            f"commits of {repository} may not be released",
            where="organization.repositories in tiercel.toml",
            state="nothing was called",
            remedy=f'add "{repository}"',
        )
    yield from _branches(topology, branches)
    yield from _workflows(workflows)


def _branches(topology: Topology, branches: Collection[str]) -> Iterator[TiercelError]:
    for environment in topology.environments.values():
        if environment.branch not in branches:
            yield RefusedInputError(
                "onboarding.no_branch",
                f"there is no branch {environment.branch}, which feeds {environment.name}",
                where=f"environments.{environment.name}.branch",
                why=f"there are {', '.join(sorted(branches)) or 'none'}",
                state="nothing was called",
                remedy=f"`git branch {environment.branch}` and push it, or name another branch",
            )


def _workflows(workflows: Mapping[str, str]) -> Iterator[TiercelError]:
    calling = [path for path, text in workflows.items() if _calls_tiercel(text)]
    if not calling:
        yield RefusedInputError(
            "onboarding.no_workflow",
            "no workflow of this repository calls Tiercel",
            where=CALLERS_FOLDER,
            why="without one nothing starts by itself when GitHub sees a push or a pull request",
            state="nothing was called",
            remedy=f"`tiercel init` writes {', '.join(NEEDED_CALLERS)}; or switch the schedules of "
            "follow-github on, which ask GitHub instead",
        )
    open_ones = [path for path in calling if calls_no_copy(workflows[path])]
    if open_ones:
        yield RefusedInputError(
            "onboarding.no_copy",
            "workflows call the Tiercel that stands for your own",
            where=", ".join(open_ones),
            state="nothing was called",
            remedy="name your copy and the commit that your workers run: `uses: "
            "OWNER/NAME/.github/workflows/...@COMMIT`, or let `tiercel init --tiercel "
            "OWNER/NAME@COMMIT` write them",
        )


def _calls_tiercel(text: str) -> bool:
    return "tiercel" in text and "uses:" in text
