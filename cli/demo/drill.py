"""`make drill`: Preprod of the sandbox is deleted and rebuilt, and the AWS CLI looks on.

The drill is the command that a person would type. As soon as it has proven Preprod empty it is
stopped for a moment, and the AWS CLI is asked what it sees: no stack but that of an environment on
demand, which is somebody's work and stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiercel.cli.commands.set_up.sandbox import start_sandbox
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import quiet_prefect, use_sandbox
from tiercel.domain.base.errors import ExitCode, TiercelError
from tiercel.tasks.engine.resources import resource

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Target

_EXAMPLE = resource("examples", "shop")
_CONFIG = resource("tiercel.toml")
_STATE = Path(".tiercel/drill")
_BESIDE, _SERVICE_BESIDE = "beside", "catalog"
"""An environment on demand that stands beside Preprod while this is drilled."""
_LOOK_SECONDS = 0.02
_LONGEST_SECONDS = 120.0


def main() -> int:
    """Play the drill once; 0 if Preprod was seen empty and runs the same as before."""
    quiet_prefect()
    output, began = Output(), time.monotonic()
    try:
        _play(output)
    except TiercelError as error:
        output.error(error)
        return int(error.exit_code)
    output.done(f"done in {time.monotonic() - began:.0f} s")
    return int(ExitCode.OK)


def _play(output: Output) -> None:
    from tiercel.sandbox import lifecycle
    from tiercel.sandbox.repositories import create_from_folder

    output.step("Four AWS accounts, GitHub and Prefect on this machine")
    lifecycle.down(_STATE)
    shutil.rmtree(_STATE, ignore_errors=True)
    sandbox = start_sandbox(output, _STATE, _CONFIG)
    try:
        create_from_folder(_EXAMPLE, _STATE / "shop")
        use_sandbox(_STATE, _CONFIG)
        before = _released(output)
        beside = _beside(sandbox, before)
        digest, account = _planned(output)
        output.step("The drill: everything goes, and comes back")
        seen = _drilled(sandbox, digest, account)
        output.step("What the AWS CLI saw")
        _compared(output, sandbox, before, beside, seen)
        _write_page(output)
    finally:
        lifecycle.down(_STATE)


def _released(output: Output) -> dict[str, str]:
    """Release the example's services to Preprod, and one beside it; return each stack's digest."""
    from tiercel.cli.terminal.import_folder import import_folder
    from tiercel.cli.terminal.running.runs import run_flow
    from tiercel.flows.deploy import deploy_to_preprod
    from tiercel.flows.ephemeral_up import ephemeral_up
    from tiercel.flows.publish import publish_artifact

    output.step("Four services are released to Preprod, and one to an environment on demand")
    name, commit = import_folder(_STATE / "shop", _STATE, once=True)
    run_flow(publish_artifact, output, repository=name, commit=commit, then_deploy=False)
    run_flow(deploy_to_preprod, output, repository=name, commit=commit)
    given = {"name": _BESIDE, "services": _SERVICE_BESIDE, "purpose": "stands beside the drill"}
    run_flow(ephemeral_up, output, repository=name, commit=commit, **given)
    return _digests()


def _beside(sandbox: Any, before: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the stacks that are none of Preprod's, as the AWS CLI sees them."""
    found = {name: facts for name, facts in _stacks(sandbox).items() if name not in before}
    if not found:
        raise SystemExit("nothing stands beside Preprod")
    return found


def _compared(
    output: Output,
    sandbox: Any,
    before: Mapping[str, str],
    beside: Mapping[str, list[str]],
    seen: Mapping[str, list[str]],
) -> None:
    """Say what became of every stack; SystemExit if anything is not as it has to be."""
    after, now = _digests(), _stacks(sandbox)
    gone = ", ".join(sorted(seen.keys() & before.keys())) or "no stack"
    output.line(f"while the drill was stopped: {gone} of Preprod's")
    for stack, artifact in after.items():
        same = "the same packages" if before.get(stack) == artifact else "OTHER PACKAGES"
        output.line(f"now: {stack}, {same}")
    for stack, facts in beside.items():
        same = "untouched" if seen.get(stack) == now.get(stack) == facts else "CHANGED"
        output.line(f"then and now: {stack}, {same}")
    rest = {name: facts for name, facts in now.items() if name not in before}
    is_whole = after == before and before.keys() <= now.keys()
    if not (is_whole and seen == rest == beside):
        raise SystemExit(f"not as it was: in between {seen}, before {before}, now {now}")


def _target() -> Target:
    from tiercel.domain.organization.access import Target
    from tiercel.domain.organization.names import Names
    from tiercel.tasks.source.topology_file import read_topology

    return Target(Names.of(read_topology(_CONFIG), "preprod"), "drill")


def _digests() -> dict[str, str]:
    from tiercel.tasks.records.ledger import read_live_releases

    target = _target()
    prefix = target.names.stack_prefix
    live = read_live_releases.fn(target.records)
    return {
        one.stack: one.running.intent.artifact_digest
        for one in live
        if one.running and one.stack.startswith(prefix)
    }


def _planned(output: Output) -> tuple[str, str]:
    from tiercel.cli.commands.environment.rebuild import show_drill
    from tiercel.cli.terminal.running.runs import run_flow
    from tiercel.domain.drill.plan import DrillPlan
    from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch

    output.step("The plan, which somebody has to approve")
    plan = run_flow(rebuild_from_scratch, output, environment="preprod", plan_only=True).result
    show_drill(output, plan)
    if not isinstance(plan, DrillPlan):
        raise SystemExit("an earlier drill went on: run it again")
    return plan.digest, plan.alias


def _drilled(sandbox: Any, digest: str, account: str) -> dict[str, list[str]]:
    """Run the drill to its end; return which stacks the AWS CLI saw while it was stopped."""
    from tiercel.sandbox.aws.journal import journal_size, read_journal

    offset = journal_size(sandbox.journal)
    command = _command("rebuild", "preprod", "--approve", digest, "--account", account, "--local")
    with subprocess.Popen(command) as drill:
        until = time.monotonic() + _LONGEST_SECONDS
        while drill.poll() is None and time.monotonic() < until:
            calls = read_journal(sandbox.journal, offset)
            if any(one.resource.endswith("/prove-empty.json") for one in calls):
                break
            time.sleep(_LOOK_SECONDS)
        drill.send_signal(signal.SIGSTOP)
        seen = _stacks(sandbox)
        drill.send_signal(signal.SIGCONT)
    if drill.returncode:
        raise SystemExit("the drill failed")
    return seen


def _stacks(sandbox: Any) -> dict[str, list[str]]:
    """Ask the AWS CLI, as root of Preprod's RuntimeAccount; return each stack's id and state."""
    answer = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "aws"), "cloudformation", "describe-stacks"),
            *("--profile", "preprod-runtime-root", "--output", "json"),
            *("--query", "Stacks[].[StackName, StackId, StackStatus, LastUpdatedTime]"),
        ],
        env=os.environ | sandbox.environ("preprod-runtime-root"),
        capture_output=True,
        check=True,
    )
    return {name: facts for name, *facts in json.loads(answer.stdout)}


def _write_page(output: Output) -> None:
    """Write what `tiercel drills --open 1` opens; another process would start for two seconds."""
    from tiercel.domain.pages.environment.drill_html import drill_html
    from tiercel.tasks.teardown.drill_records import read_reports

    page = (_STATE / "drill.html").absolute()
    page.write_text(drill_html(read_reports.fn(_target().records, 1)[0]))
    output.line(f"written: {page}")


def _command(*arguments: str) -> list[str]:
    given = ["--sandbox", "--state", str(_STATE), "--config", str(_CONFIG)]
    start = "from tiercel.cli.main import main; main()"
    return [sys.executable, "-c", start, *arguments, *given]


if __name__ == "__main__":
    sys.exit(main())
