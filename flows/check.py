"""check_environment: whether an environment's accounts are as they must be, tried for real."""

from __future__ import annotations

from dataclasses import replace

from prefect.runtime import flow_run

from tiercel.domain.accounts.findings import (
    CheckReport,
    Finding,
    Verdict,
    check_failed,
    nothing_checked,
)
from tiercel.domain.accounts.observations import Unread
from tiercel.domain.accounts.provisioning import source_of
from tiercel.domain.accounts.use_check import (
    builds_are_held,
    clock_is_right,
    external_id_is_taken,
    worked,
)
from tiercel.domain.accounts.wanted_environment import WantedEnvironment
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.flows.checking.parts import (
    CheckTarget,
    all_of,
    attempt,
    infrastructure_parts,
    not_used,
    roles_of_stacks,
    runtime_parts,
    uses,
)
from tiercel.flows.checking.wanted import key_arn, wanted_environment
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import EnvironmentParameter
from tiercel.flows.release.pages import report_check
from tiercel.tasks.accounts.check_kms import read_key
from tiercel.tasks.accounts.check_sts import assume, compare_clocks
from tiercel.tasks.build.places import find_place
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("check-environment", "check")
async def check_environment(environment: EnvironmentParameter) -> CheckReport:
    """Try an environment's accounts for real and compare them with what they must be.

    Changes nothing that lasts. The run fails if anything is red.

    Args:
        environment: The environment whose accounts are meant.
    """
    topology = await call(load_topology, config_path())
    await tag_flow_run(environment)
    return await check_accounts(topology, environment)


async def check_accounts(topology: Topology, environment: str) -> CheckReport:
    """Check an environment's accounts, show the matrix, and raise if anything is red."""
    names = Names.of(topology, environment)
    place = CheckTarget(
        names=names,
        run=str(flow_run.get_id() or "no-flow-run"),
        wanted=wanted_environment(topology, names, "", ""),
        source=source_of(topology, environment),
    )
    report = CheckReport(
        environment=environment,
        accounts={
            names.environment.infrastructure_account: "InfrastructureAccount",
            names.environment.runtime_account: "RuntimeAccount",
        },
        findings=tuple(await _findings(place, topology)),
    )
    await report_check(report)
    if report.of(Verdict.RED):
        raise check_failed(report)
    return report


async def _findings(place: CheckTarget, topology: Topology) -> list[Finding]:
    wanted, names = place.wanted, place.names
    clock = await attempt(compare_clocks, names.environment.region)
    boss = await attempt(assume, place.orchestrator)
    thing = wanted.role_thing(Role.ORCHESTRATOR)
    remedy = "check your credentials and the account id in tiercel.toml, then provision it"
    found = [worked(thing, "assumed", boss, remedy)]
    if isinstance(boss, Unread):
        why = "the orchestrator cannot be assumed"
        found += nothing_checked(wanted.seen_by_orchestrator(), why)
    else:
        found += await _as_orchestrator(place, topology)
    builds = await attempt(find_place, topology.builds)
    return [
        *found,
        clock_is_right(wanted.infrastructure("account"), clock),
        builds_are_held(wanted.infrastructure("worker"), builds),
    ]


async def _as_orchestrator(place: CheckTarget, topology: Topology) -> list[Finding]:
    """Look at everything, the RuntimeAccount as the roles that let the orchestrator in."""
    names, who = place.names, place.orchestrator
    artifact_key, signing_key = await all_done(
        [
            attempt(read_key, who, names.artifact_key_alias),
            attempt(read_key, who, names.signing_key_alias),
        ]
    )
    deployer = await attempt(assume, place.deployer)
    auditor = await attempt(assume, place.auditor)
    arns = (key_arn(artifact_key), key_arn(signing_key))
    wanted = wanted_environment(topology, names, *arns)
    place = replace(place, wanted=wanted)
    deploys, audits = not isinstance(deployer, Unread), not isinstance(auditor, Unread)
    found = await all_of(
        [
            *infrastructure_parts(place, artifact_key, signing_key),
            *(runtime_parts(place) if audits else []),
            *uses(place, *arns, deploys=deploys),
        ]
    )
    found += _entered(wanted, deployer, auditor)
    found += await _destroying(place)
    if topology.hosts_on_demand(names.environment.name):
        found += await _on_demand(place, topology, arns, audits=audits)
    if not audits:
        found += nothing_checked(wanted.seen_by_auditor(), "the auditor cannot be assumed")
    if not deploys:
        stacks = [wanted.runtime("stacks")]
        found += nothing_checked(stacks, "the deployer cannot be assumed")
    return found + not_used(place)


async def _on_demand(
    place: CheckTarget, topology: Topology, keys: tuple[str, str], *, audits: bool
) -> list[Finding]:
    """Look at the roles of environments on demand, which live in this one's accounts."""
    names = Names.ephemeral(topology)
    place = replace(place, names=names, wanted=wanted_environment(topology, names, *keys))
    found = await all_of(roles_of_stacks(place)) if audits else []
    thing, remedy = place.wanted.role_thing(Role.DEPLOYER), place.wanted.remedy
    deployer = await attempt(assume, place.deployer)
    return [*found, worked(thing, "assumed", deployer, remedy), *await _destroying(place)]


async def _destroying(place: CheckTarget) -> list[Finding]:
    """Say whether the role that deletes stacks lets the orchestrator in, where there is one."""
    if Role.DESTROYER not in place.names.roles:
        return []
    seen = await attempt(assume, place.destroyer)
    thing = place.wanted.role_thing(Role.DESTROYER)
    return [worked(thing, "assumed", seen, place.wanted.remedy)]


def _entered(wanted: WantedEnvironment, deployer: object, auditor: object) -> list[Finding]:
    """Say whether the RuntimeAccount's roles let the orchestrator in."""
    things = [wanted.role_thing(Role.DEPLOYER), wanted.role_thing(Role.AUDITOR)]
    remedy = f"{wanted.remedy}; if both roles refuse, compare external_id in tiercel.toml"
    external_id = wanted.names.environment.external_id
    return [
        worked(things[0], "assumed", deployer, remedy),
        worked(things[1], "assumed", auditor, remedy),
        *external_id_is_taken(things, external_id, (deployer, auditor), wanted.remedy),
    ]
