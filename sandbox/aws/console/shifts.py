"""Pages of deployments of CodeDeploy: how traffic shifted between two versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup
from tiercel.sandbox.pages.parts import code_text, facts, html_table, moment, section, state

_Told = Mapping[str, Any]


def shift_page(account: str, region: str, deployment: _Told, targets: Sequence[_Told]) -> bytes:
    """Return the page of a deployment, with what each function's alias was told."""
    error = deployment.get("errorInformation", {})
    return html_page(
        deployment["deploymentId"],
        [],
        facts(
            ("status", state(deployment["status"])),
            ("why", f"{error.get('code', '')} {error.get('message', '')}".strip()),
            ("application", code_text(deployment.get("applicationName", ""))),
            ("group", code_text(deployment.get("deploymentGroupName", ""))),
            ("by steps of", deployment.get("deploymentConfigName", "")),
            ("account", account),
            ("region", region),
            ("begun", moment(deployment.get("createTime"))),
            ("ended", moment(deployment.get("completeTime"))),
            ("taken back by", deployment.get("rollbackInfo", {}).get("rollbackDeploymentId", "")),
        ),
        *(section(_name(one), _functions(one), _hooks(one)) for one in targets),
    )


def _name(target: _Told) -> str:
    return str(target.get("targetId", "target"))


def _functions(target: _Told) -> Markup:
    info = target.get("lambdaFunctionInfo", {})
    row = [
        str(info.get(name, ""))
        for name in ("functionName", "functionAlias", "currentVersion", "targetVersion")
    ]
    share = f"{info.get('targetVersionWeight', 0) * 100:g} %"
    return html_table(("function", "alias", "from version", "to version", "share"), [(*row, share)])


def _hooks(target: _Told) -> Markup:
    rows = [
        (one.get("lifecycleEventName", ""), state(one.get("status", "")))
        for one in target.get("lifecycleEvents", [])
    ]
    return html_table(("step", "status"), rows)
