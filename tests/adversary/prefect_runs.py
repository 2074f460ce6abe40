"""Runs that whoever holds Prefect's credential asks a worker for.

tests/flows/test_refused_runs.py makes them on a real server with a real worker; here each is the
decision alone, with and without its own comparison.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import RUN_COMPARED
from tiercel.deployments.installation import (
    AskedRun,
    Installation,
    InstalledDeployment,
    process_template,
    require_installed,
)
from tiercel.deployments.worker.entry import run_environment
from tiercel.domain.base.errors import RefusedInputError

_PUBLISH = "tiercel.flows.publish.publish_artifact"
_NAME = "publish-artifact"
_INSTALLED = Installation(
    process_template(), {f"{_NAME}/preprod": InstalledDeployment(_PUBLISH, {})}
)
_ASKED = AskedRun(_NAME, "preprod", _PUBLISH, (), {}, {}, process_template())
_EVIL = "sh -c 'env > /tmp/loot'"
_REQUIRE = "deployments.installation:require_installed"


def _is_taken(**changes: Any) -> bool:
    """Whether a worker would execute such a run."""
    try:
        require_installed(replace(_ASKED, **changes), _INSTALLED)
    except RefusedInputError:
        return False
    return True


def _chosen_command(_: Path) -> bool:
    """A run names a command of its own."""
    return _is_taken(run_variables={"command": _EVIL})


def _deployments_command(_: Path) -> bool:
    """A deployment is given a command."""
    return _is_taken(deployment_variables={"command": _EVIL})


def _pools_command(_: Path) -> bool:
    """The work pool's template is given a command."""
    template = process_template()
    template["variables"]["properties"]["command"]["default"] = _EVIL
    return _is_taken(template=template)


def _own_deployment(_: Path) -> bool:
    """A deployment is made in the worker's pool, with variables of its own."""
    return _is_taken(deployment="theirs")


def _labels_with_parts(_: Path) -> bool:
    """A label, which is free, brings parts into the template that it stands in."""
    return _is_taken(run_variables={"labels": {"a": {"command": _EVIL}}})


def _preloaded(_: Path) -> bool:
    """A task's variables let the image's own program load code first."""
    told = {"LD_PRELOAD": "/tmp/evil.so", "PREFECT_API_URL": "http://a"}
    return "LD_PRELOAD" in run_environment(told, "")


def _other_truth(_: Path) -> bool:
    """A task's variables name another configuration than the image's."""
    told = {"TIERCEL_CONFIG": "/tmp/evil.toml", "GITHUB_API_URL": "http://evil"}
    own = "TIERCEL_CONFIG=/etc/tiercel/tiercel.toml"
    return "GITHUB_API_URL" in run_environment(told, own)


_TAKEN = Removal("deployments.worker.entry:run_environment", "if name in TAKEN")

ATTACKS = (
    Attack(
        "command of a run",
        Kind.ESCAPE,
        "a run's job variables",
        (RUN_COMPARED,),
        _chosen_command,
    ),
    Attack(
        "command of a deployment",
        Kind.ESCAPE,
        "a deployment's job variables, entrypoint and pull steps",
        (Removal(_REQUIRE, "list(_changed_deployment(asked, known))", "[]"),),
        _deployments_command,
    ),
    Attack(
        "command of a work pool",
        Kind.ESCAPE,
        "a work pool's template",
        (Removal(_REQUIRE, 'list(_differing(installed.template, asked.template, ""))', "[]"),),
        _pools_command,
    ),
    Attack(
        "deployment of their own",
        Kind.ESCAPE,
        "the deployments that are installed",
        (
            Removal(
                _REQUIRE,
                "installed.deployments.get(name)",
                "next(iter(installed.deployments.values()))",
            ),
        ),
        _own_deployment,
    ),
    Attack(
        "labels with parts",
        Kind.ESCAPE,
        "free variables are plain",
        (Removal("deployments.installation:_plain", "isinstance(one, str)", "True"),),
        _labels_with_parts,
    ),
    Attack("preloaded code", Kind.ESCAPE, "variables that are taken", (_TAKEN,), _preloaded),
    Attack("another GitHub", Kind.FORGE, "variables that are taken", (_TAKEN,), _other_truth),
)
