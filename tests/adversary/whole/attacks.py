"""The attacks by which isolation is judged, each whole: isolated, and in CodeBuild.

What the network of a build can reach in CodeBuild is for its VPC to say, so that the attacks on the
worker's loopback are played in `isolated` alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import (
    FILES_COMPARED,
    MIRROR_IN_ORDER,
    NO_SETTINGS,
    ONE_END,
    OWN_CONFIGURATION,
    OWN_NETWORK,
    OWN_PROCESSES,
    OWN_VARIABLES,
    RUN_COMPARED,
    WHEELS_ALONE,
)
from tests.adversary.whole import deeds
from tests.adversary.whole.scene import SHOWN, Scene, no_npm
from tests.adversary.workplace import not_isolated
from tiercel.domain.organization.topology import BuildPlace

_FOLDER_SHOWN = Removal(
    "tasks.build.isolation.namespace:Room.writable",
    'self.scratch / "tmp": TEMPORARY,',
    'self.scratch / "tmp": TEMPORARY,\n            '
    f'Path(os.environ["{SHOWN}"]): PurePosixPath(os.environ["{SHOWN}"]),',
)
_MIRROR = (OWN_CONFIGURATION, FILES_COMPARED, MIRROR_IN_ORDER)

_MACHINE = Removal("tasks.build.places:place_of", "return CodeBuild(project)", "return Here()")
"""A machine that is not the worker's: taken out, the commands run on the worker."""
_VARIABLES = Removal(
    "tasks.build.codebuild:CodeBuild._begun",
    "for key in job.builds.pass_environment if key in os.environ",
    'for key in os.environ if key.startswith(("GITHUB_", "PREFECT_"))',
)
"""The variables that the worker's file names, and no others."""

Deed = Callable[[Scene], bool]


def _isolated(name: str, kind: Kind, protection: str, deed: Deed, *removals: Removal,
              impossible: Callable[[], str] = lambda: "", sampled: bool = False,
              ) -> Attack[Scene]:  # fmt: skip
    return Attack(f"{name}, isolated", kind, protection, removals, deed, sampled,
                  lambda: not_isolated() or impossible())  # fmt: skip


def _in_codebuild(name: str, kind: Kind, deed: Deed, *removals: Removal,
                  protection: str = "a machine of its own",
                  impossible: Callable[[], str] = lambda: "",
                  ) -> Attack[Scene]:  # fmt: skip
    def played(scene: Scene) -> bool:
        return deed(replace(scene, where=BuildPlace.CODEBUILD))

    return Attack(f"{name}, in CodeBuild", kind, protection, removals, played, sampled=False,
                  impossible=impossible)  # fmt: skip


def _one_core() -> str:
    return "" if (os.cpu_count() or 1) > 1 else "one core builds one service at a time"


ATTACKS: tuple[Attack[Scene], ...] = (
    _isolated("two steps to Prod's worker", Kind.ESCAPE,
              "no variables, no network; a worker that refuses what is not installed",
              deeds.takeover, OWN_VARIABLES, OWN_NETWORK, RUN_COMPARED),
    _isolated("Prefect's API on loopback", Kind.REACH, "a network of its own",
              deeds.loopback, OWN_NETWORK),
    _isolated("a poisoned mirror", Kind.OUTLIVE,
              "a build sees no mirror; git reads nothing there but objects, which are compared",
              deeds.poisoned_mirror, _FOLDER_SHOWN, *_MIRROR),
    _isolated("a sibling's artifact", Kind.FORGE, "only what a build needs is there",
              deeds.sibling, _FOLDER_SHOWN, impossible=_one_core),
    _isolated("a forged status", Kind.FORGE, "no token, no network", deeds.forged_status,
              OWN_VARIABLES, OWN_NETWORK),
    _isolated("the worker's variables", Kind.READ, "an environment of its own",
              deeds.environment, OWN_VARIABLES, sampled=True),
    _isolated("arguments of processes", Kind.READ, "processes of its own", deeds.processes,
              OWN_PROCESSES),
    _isolated("a process that is left over", Kind.OUTLIVE, "everything ends with the build",
              deeds.left_over, *ONE_END),
    _isolated("settings of npm", Kind.ESCAPE, "npm finds no settings in the folder",
              deeds.npm_settings, NO_SETTINGS, impossible=no_npm),
    _isolated("a package of the repository", Kind.ESCAPE, "only what a build needs is there",
              deeds.local_package, _FOLDER_SHOWN),
    _isolated("a link to the cache", Kind.WRITE, "only what a build needs is there",
              deeds.linked_cache, _FOLDER_SHOWN),
    _in_codebuild("a poisoned mirror", Kind.OUTLIVE, deeds.poisoned_mirror, _MACHINE, *_MIRROR),
    _in_codebuild("a sibling's artifact", Kind.FORGE, deeds.sibling, _MACHINE,
                  impossible=_one_core),
    _in_codebuild("a forged status", Kind.FORGE, deeds.forged_status, _VARIABLES,
                  protection="the variables that are named, and no others"),
    _in_codebuild("the worker's variables", Kind.READ, deeds.environment, _VARIABLES,
                  protection="the variables that are named, and no others"),
    _in_codebuild("arguments of processes", Kind.READ, deeds.processes, _MACHINE),
    _in_codebuild("a process that is left over", Kind.OUTLIVE, deeds.left_over, _MACHINE),
    _in_codebuild("settings of npm", Kind.ESCAPE, deeds.npm_settings, NO_SETTINGS,
                  protection="npm finds no settings in the folder", impossible=no_npm),
    _in_codebuild("a package of the repository", Kind.ESCAPE, deeds.local_package, _MACHINE,
                  WHEELS_ALONE),
    _in_codebuild("a link to the cache", Kind.WRITE, deeds.linked_cache, _MACHINE),
)  # fmt: skip
