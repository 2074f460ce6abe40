"""The calls of a demo, made again to a sandbox whose policies lack one Allow after the other.

The calls are real ones, signed and sent over HTTP, with made-up parameters but for what they
are about: whether a call is authorized is decided before anything of it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

from tests.oracle.accounts import Policies
from tests.oracle.journal import Call, requests_of
from tests.oracle.needs import Need
from tests.oracle.proof import Score
from tests.oracle.world import STACK_ID, account_of
from tiercel.sandbox.lifecycle import Sandbox

_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_SUBJECTS = {
    "s3": ("Bucket", "Key"),
    "cloudformation": ("StackName",),
    "lambda": ("FunctionName",),
    "kms": ("KeyId",),
    "sts": ("RoleArn",),
    "dynamodb": ("TableName",),
}
"""The parameters of each service that say what a call is about."""
_SOURCE_IDENTITY = "test"
"""That of the callers: whoever has one may set no other."""
_TOLD = {
    "sts:ExternalId": "ExternalId",
    "cloudformation:RoleArn": "RoleARN",
    "s3:if-none-match": "IfNoneMatch",
}


def may_be_replayed(call: Call) -> bool:
    """Whether it was a role or a person: what an account's root does needs no Allow.

    Of what CodeDeploy is asked the resource follows from the deployments that there are, and a
    sandbox with nothing but its accounts has none: named cases are about these.
    """
    return not call[0].endswith(":root") and not call[1].startswith("codedeploy:")


def one_of_each_kind(calls: Iterable[Call]) -> list[Call]:
    """Return a call for each caller, operation and type of resource, or folder of a bucket."""
    kinds: dict[tuple[str, ...], Call] = {}
    for call in calls:
        parts = call[3].split("/")
        about = parts[: 2 if ":s3:::" in call[3] else 1]
        kinds.setdefault((*call[:3], *about), call)
    return list(kinds.values())


class Replay:
    """A sandbox in which the calls of a demo are made again."""

    def __init__(self, box: Sandbox, calls: Iterable[Call]) -> None:
        """Take a sandbox with nothing but its seeded accounts."""
        self._calls = sorted(calls, key=lambda call: not call[2].startswith(("Put", "Create")))
        self._policies = Policies(box)
        # What does not exist was encrypted with no key, so that reading it would ask for none.
        self._policies.put_objects(call[3] for call in self._calls if call[1] == "s3:GetObject")
        callers = self._policies.callers(call[0] for call in self._calls)
        self._client = cache(lambda principal, service: callers[principal].client(service))

    def refusals(self) -> list[str]:
        """Make every call, those that create something first; return what was refused."""
        said = ((call, self._refusal(call)) for call in self._calls)
        return [f"{call[2]} by {call[0]}: {refusal}" for call, refusal in said if refusal]

    def score(self, needs: Sequence[Need]) -> Score:
        """Tell how many Allows, gone, give a refusal that names who may not do what to what."""
        asked = [need for need in needs if need.calls]
        faults = [fault for need in asked if (fault := self._fault(need))]
        return Score("replayed", len(asked) - len(faults), len(asked), faults)

    def _fault(self, need: Need) -> str:
        with self._policies.without(need.allow):
            said = []
            for call in need.calls:
                refusal = self._refusal(call)
                if _names(refusal, call):
                    return ""
                said.append(f"{call[2]} on {call[3]}: {refusal or 'not refused'}")
        return f"{need.name}: {'; '.join(said[:3])}"

    def _refusal(self, call: Call) -> str:
        """Return AWS's words if a call is refused; any other answer is none of ours."""
        principal, action, operation, _ = call
        service = action.partition(":")[0]
        asked = next(requests_of(call))
        client = self._client(principal, service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        subject = _named(self._policies.key_arn(asked.resource))
        parameters = _parameters(shape, _SUBJECTS.get(service, ()), subject)
        parameters |= {_TOLD[key]: value for key, value in asked.context.items() if key in _TOLD}
        if operation == "AssumeRole":
            parameters["SourceIdentity"] = _SOURCE_IDENTITY
        try:
            getattr(client, xform_name(operation))(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                return str(error.response["Error"]["Message"])
        return ""


def _names(refusal: str, call: Call) -> bool:
    """Whether AWS's words name the principal, and an action and resource that the call needs.

    To callers from elsewhere S3 says nothing but that access is denied.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    """
    principal = call[0].removesuffix("/run")
    if account_of(call[3], call[0]) not in principal and call[1].startswith("s3:"):
        return principal in refusal or refusal == "Access Denied"
    return principal in refusal and any(
        f"perform: {each.action} on resource: " in refusal and _subject(each.resource) in refusal
        for each in requests_of(call)
    )


def _named(arn: str) -> list[str]:
    """Return what an ARN names, in the order of `_SUBJECTS`."""
    if arn.startswith("arn:aws:s3:::"):
        return arn.removeprefix("arn:aws:s3:::").split("/", 1)
    if ":stack/" in arn:
        return [arn.partition(":stack/")[2].partition("/")[0]]
    return [arn]


def _subject(resource: str) -> str:
    """Return the part of an ARN that is the same in every sandbox: not the id of a key or stack."""
    if ":key/" in resource:
        return resource.partition(":key/")[0]
    return resource.removesuffix(f"/{STACK_ID}")


def _parameters(shape: Shape | None, subjects: Sequence[str], values: Sequence[str]) -> Any:
    """Return parameters of an operation: what it is about, and something for what it demands."""
    found = {name: value for name, value in zip(subjects, values, strict=False) if value}
    if shape is None:
        return {}
    known = {name: value for name, value in found.items() if name in shape.members}
    demanded = {name: _anything(shape.members[name]) for name in shape.required_members}
    return demanded | known


def _anything(shape: Shape) -> Any:
    """Return the shortest value that botocore takes for a shape."""
    if shape.type_name == "structure":
        return {name: _anything(shape.members[name]) for name in shape.required_members}
    if shape.type_name in {"list", "map"}:
        return [] if shape.type_name == "list" else {}
    if shape.type_name == "string":
        return (shape.enum or ["x" * shape.metadata.get("min", 1)])[0]
    return {"blob": b"x", "boolean": False}.get(shape.type_name, 1)
