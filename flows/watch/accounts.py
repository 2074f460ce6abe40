"""The accounts: whether roles, policies, buckets and keys are as they were provisioned.

These are the rules of `tiercel check`; nothing is tried here, only read.
"""

from __future__ import annotations

from tiercel.domain.drift.decisions import drift_of_accounts
from tiercel.domain.drift.report import DriftFinding
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.checking.parts import (
    CheckTarget,
    all_of,
    attempt,
    infrastructure_parts,
    roles_of_stacks,
    runtime_parts,
)
from tiercel.flows.checking.wanted import key_arn, wanted_environment
from tiercel.flows.engine.concurrency import all_done
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.accounts.check_kms import read_key


async def look_at_accounts(topology: Topology, target: ReleaseTarget) -> list[DriftFinding]:
    """Return what is not as it was provisioned, and what could not be read."""
    names, boss = target.names, target.orchestrator
    artifact_key, signing_key = await all_done(
        [
            attempt(read_key, boss, names.artifact_key_alias),
            attempt(read_key, boss, names.signing_key_alias),
        ]
    )
    arns = key_arn(artifact_key), key_arn(signing_key)
    place = _place(topology, names, target.run, arns)
    parts = [*infrastructure_parts(place, artifact_key, signing_key), *runtime_parts(place)]
    if topology.hosts_on_demand(names.environment.name):
        parts += roles_of_stacks(_place(topology, Names.ephemeral(topology), target.run, arns))
    return drift_of_accounts(await all_of(parts))


def _place(topology: Topology, names: Names, run: str, arns: tuple[str, str]) -> CheckTarget:
    return CheckTarget(names=names, run=run, wanted=wanted_environment(topology, names, *arns))
