"""Creates packaged templates as stacks of the sandbox, by the product's deployer and its tasks."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.product import Packaged
from tests.corpus.values import value_of_type
from tests.support.aws import root_client
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Access, deployer
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.stack.plan import Plan
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.stack.change_sets import ChangeSetRequest, execute_plan, plan_changes

FORBIDDEN = "stack.forbidden"
"""The outcome of a template of which only CloudFormation said what its role lacks."""
_CREATED = "CREATE_COMPLETE"
_FAILED = ("CREATE_FAILED",)
_PROFILE = "preprod-runtime-root"
_SHOWN = 3
_MOST_EXPORTS = 20
_EXPORT = re.compile(r"Export '([^']+)' not found")
# What the service role or the boundary does not allow, which verification should have said.
_FORBIDDEN = re.compile(r"assumed-role/\S+-cloudformation/\S+ is not authorized")


@dataclass
class Stacks:
    """Preprod's RuntimeAccount. What a stack leaves behind is removed by the account's root."""

    sandbox: Sandbox
    names: Names
    most_seconds: float = 10.0
    _number: int = 0
    _exports: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    def create(self, packaged: Packaged, values: dict[str, str]) -> tuple[str, str]:
        """Return how far the stack came, `created`, `planned` or a refusal's code; and why."""
        self._number += 1
        stack = self.names.stack(f"corpus{self._number}")
        access = deployer(self.names, "corpus")
        self._stage(packaged)
        self._fill_parameter_store(packaged.template, values)
        try:
            plan = self._planned(access, self._request(packaged, values, stack))
        except DeployFailedError as error:
            self._remove(stack)
            return error.code, error.why
        try:
            if plan is None:
                return "plan.not_adopted", "the change set is gone"
            execute_plan.fn(access, plan, f"corpus-{self._number}")
            status = self._await(stack)
            if status == _CREATED:
                return ("recorded" if self._is_recorded(stack) else "created"), ""
            reasons = f"{status}: {self._reasons(stack)}"
            return (FORBIDDEN if _FORBIDDEN.search(reasons) else "planned"), reasons
        finally:
            self._remove(stack)

    def _planned(self, access: Access, request: ChangeSetRequest) -> Plan | None:
        """Plan a stack; what it imports of others is exported first, as a person would."""
        for _ in range(_MOST_EXPORTS):
            try:
                return plan_changes.fn(access, request)
            except DeployFailedError as error:
                missing = _EXPORT.search(error.why)
                if missing is None:
                    raise
                self._remove(request.stack)
                self._export(missing[1])
        return plan_changes.fn(access, request)

    def _export(self, name: str) -> None:
        self._exports += 1
        output = {"Value": "corpus", "Export": {"Name": name}}
        topic = {"Type": "AWS::SNS::Topic"}
        self._root("cloudformation").create_stack(
            StackName=f"corpus-exports-{self._exports}",
            TemplateBody=json.dumps({"Resources": {"Topic": topic}, "Outputs": {"One": output}}),
        )

    def _stage(self, packaged: Packaged) -> None:
        for entry in (*packaged.built.manifest.objects, packaged.built.manifest.template):
            body = packaged.built.files[entry.sha256].read_bytes()
            self._root("s3").put_object(Bucket=self.names.staging_bucket, Key=entry.key, Body=body)

    def _request(self, packaged: Packaged, values: dict[str, str], stack: str) -> ChangeSetRequest:
        manifest = packaged.built.manifest
        declared = {one.name for one in manifest.parameters}
        own = {
            ASSET_BUCKET_PARAMETER: self.names.staging_bucket,
            BOUNDARY_PARAMETER: self.names.boundary_arn,
        }
        given = {name: value for name, value in (values | own).items() if name in declared}
        return ChangeSetRequest(
            stack=stack,
            name=f"corpus-{self._number}",
            creates_stack=True,
            template_url=self.names.object_url(self.names.staging_bucket, manifest.template.key),
            template_sha256=manifest.template.sha256,
            parameters=given,
            service_role=self.names.role_arn(Role.CLOUDFORMATION),
            tags=self.names.stack_tags("corpus"),
        )

    def _fill_parameter_store(self, template: dict[str, Any], values: dict[str, str]) -> None:
        """Put what the template's parameters read of Parameter Store, as a person would before."""
        for name, declared in (template.get("Parameters") or {}).items():
            read = str(values.get(name, declared.get("Default", "")))
            kind = str(declared.get("Type", ""))
            if kind.startswith("AWS::SSM::Parameter::Value") and not read.startswith("/aws/"):
                self._root("ssm").put_parameter(
                    Name=read, Value=value_of_type(kind), Type="String", Overwrite=True
                )

    def _is_recorded(self, stack: str) -> bool:
        events = self._root("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return any("keeps a record" in str(one.get("ResourceStatusReason")) for one in events)

    def _await(self, stack: str) -> str:
        """Return the status in which the stack comes to rest, or the one after so long."""
        end, status = time.monotonic() + self.most_seconds, ""
        while time.monotonic() < end:
            status = self._root("cloudformation").describe_stacks(StackName=stack)["Stacks"][0][
                "StackStatus"
            ]
            if not status.endswith("_IN_PROGRESS"):
                break
            time.sleep(0.1)
        return status

    def _reasons(self, stack: str) -> str:
        events = self._root("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        failed = [
            f"{one['LogicalResourceId']} ({one['ResourceType']}): {one.get('ResourceStatusReason')}"
            for one in events
            if one["ResourceStatus"] in _FAILED
            and "cancelled" not in str(one.get("ResourceStatusReason"))
        ]
        return "\n".join(failed[-_SHOWN:])

    def _remove(self, stack: str) -> None:
        self._root("cloudformation").delete_stack(StackName=stack)

    def _root(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = root_client(self.sandbox, _PROFILE, service)
        return self._clients[service]
