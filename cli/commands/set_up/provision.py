"""`tiercel provision`: plans and makes what an environment's two accounts hold.

The flow runs in this process, with an administrator's profiles: a worker has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import ConfigOption, JsonOption, QuietOption
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.session import use_config

if TYPE_CHECKING:
    from tiercel.flows.provision import Provisioned


def provision(
    environment: Annotated[str, typer.Argument(help="The environment, such as preprod.")],
    *,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="Create the bucket of the state first; once.")
    ] = False,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Show what would change, and end.")
    ] = False,
    approve: Annotated[
        str, typer.Option(metavar="PLAN_DIGEST", help="Apply the plan with this digest.")
    ] = "",
    config: ConfigOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring an environment's two accounts to what terraform/ describes."""
    output = Output(as_json=as_json, quiet=quiet)
    use_config(config)
    from tiercel.flows.provision import provision_accounts

    finished = run_flow(
        provision_accounts,
        output,
        environment=environment,
        approve=approve,
        plan_only=plan_only,
        bootstrap=bootstrap,
    )
    show_provisioned(output, finished.result)


def show_provisioned(output: Output, provisioned: Provisioned) -> None:
    """Print what is planned or was applied, and what the accounts hold."""
    plan = provisioned.plan
    output.document(
        "provision",
        {
            "plan": plan.model_dump(mode="json"),
            "applied": provisioned.applied,
            "outputs": provisioned.outputs,
        },
    )
    if output.as_json:
        return
    if plan.is_empty:
        output.result(f"{plan.environment} is as terraform/ describes it: nothing to do")
        return
    output.table(
        f"{plan.environment}: {plan.summary()}",
        ("resource", "this run" if provisioned.applied else "planned", "attributes"),
        [
            (one.address, one.action, ", ".join(one.attributes) if one.action == "update" else "")
            for one in plan.changes
        ],
    )
    if provisioned.applied:
        output.result("applied")
    else:
        output.result(f"apply it: tiercel provision {plan.environment} --approve {plan.digest}")
