"""What would stop a first release of a clone: the parts of the answer, put together."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError, TiercelError
from tiercel.domain.onboarding.callers import CALLERS_FOLDER
from tiercel.domain.onboarding.readiness import (
    accounts_unknown,
    repository_refusals,
)
from tiercel.domain.onboarding.stand_in import stand_in_topology
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.policy_files import require_fitting_policies
from tiercel.tasks.source.repository import list_files, read_text
from tiercel.tasks.source.services import load_services
from tiercel.tasks.source.topology_file import CONFIG_FILE, names_environments, read_topology
from tiercel.tasks.source.working_tree import branches_of, github_origin, root_of_clone, snapshot
from tiercel.tasks.verification.first_release import what_stops

_FOLDER_NAME = "clone"


@dataclass(frozen=True)
class Readiness:
    """What would stop a first release, of how many services, and how long looking took."""

    clone: Path
    services: int
    errors: tuple[TiercelError, ...]
    seconds: float


def readiness_of(folder: Path, config: Path | None) -> Readiness:
    """Judge a clone as it lies there; nothing is called and nothing is written into it."""
    started = time.monotonic()
    clone = root_of_clone(folder)
    errors: list[TiercelError] = []
    topology = _topology(clone, config, errors)
    services = 0
    with tempfile.TemporaryDirectory(prefix="tiercel-init-") as made:
        origin = github_origin(clone)
        commit = snapshot(clone, Path(made, "store"), origin or clone.name)
        workflows = {
            path: read_text(commit, path) or ""
            for path in list_files(commit)
            if path.startswith(f"{CALLERS_FOLDER}/")
        }
        errors += repository_refusals(topology, origin, branches_of(clone), workflows)
        try:
            described = load_services.fn(commit, topology)
            services = len(described.services)
            errors += what_stops(commit, described, Path(made, "builds")).values()
        except TiercelError as error:
            errors.append(error)
    return Readiness(clone, services, tuple(errors), time.monotonic() - started)


def _topology(clone: Path, config: Path | None, errors: list[TiercelError]) -> Topology:
    """Return the organization that is configured, or one that is made up, which is an error."""
    chosen = config or os.environ.get("TIERCEL_CONFIG") or clone / CONFIG_FILE
    path = Path(chosen)
    if path == clone / CONFIG_FILE and not names_environments(path):
        errors.append(accounts_unknown(str(path)))
        return stand_in_topology(branches_of(clone))
    try:
        topology = read_topology(path)
        require_fitting_policies(topology, str(path))
    except ConfigurationError as error:
        errors.append(error)
        return stand_in_topology(branches_of(clone))
    return topology
