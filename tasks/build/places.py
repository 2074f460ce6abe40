"""Which place runs a service's commands: the one that [builds] where names."""

from __future__ import annotations

from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.job import Place

_PLACES: dict[BuildPlace, type[Place]] = {BuildPlace.HERE: Here}


def place_of(builds: Builds) -> Place:
    """Return the place of builds; never another one than the configuration names."""
    return _PLACES[builds.where]()
