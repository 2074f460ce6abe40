"""Which place runs a service's commands: the one that [builds] where names."""

from __future__ import annotations

from tiercel.domain.organization.access import BuildProject
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.build.codebuild import CodeBuild
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.isolated import Isolated
from tiercel.tasks.build.isolation.availability import bubblewrap, can_isolate
from tiercel.tasks.build.job import Place
from tiercel.tasks.engine.pace import in_sandbox
from tiercel.tasks.engine.task import world_task


@world_task("find place of builds")
def find_place(builds: Builds) -> BuildPlace:
    """Return where builds run on this machine; raises as `place_of`."""
    return BuildPlace(place_of(builds).name)


def place_of(builds: Builds, project: BuildProject | None = None) -> Place:
    """Return the place of builds; never another one than the configuration names.

    Only beside the sandbox, where nothing is worth protecting, `here` stands in for `isolated`
    on a machine that cannot isolate. Raises ConfigurationError where a place cannot be had,
    which says what is missing. A build in CodeBuild needs the project that it is to run in.
    """
    where = builds.where
    if where is BuildPlace.CODEBUILD:
        return CodeBuild(project)
    if where is BuildPlace.ISOLATED and in_sandbox() and not can_isolate():
        where = BuildPlace.HERE
    if where is BuildPlace.HERE:
        return Here()
    bubblewrap()
    return Isolated()


def image_of(place: Place) -> str:
    """Return the image in which a place has run a build, empty if it has none."""
    return place.image if isinstance(place, CodeBuild) else ""
