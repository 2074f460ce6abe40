"""The calls of a demo as requests: what its journal says, and what AWS asks besides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.oracle.world import (
    ENVIRONMENTS,
    GITHUB,
    STACK_ID,
    SUBJECTS,
    VALUES,
    Request,
    names_of,
)
from tiercel.domain.organization.names import Role
from tiercel.sandbox.aws.journal import CallKind, JournalEntry

RECORDED = Path(__file__).parent / "demo_calls.json"
"""The distinct calls of a demo, for where no demo is run; see `prove.py --record`."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"\b[0-9a-f]{40,64}\b")
_SUFFIX = re.compile(r"-[0-9A-F]{13}\b")
_KEY_USES = {"GetObject": "kms:Decrypt", "PutObject": "kms:GenerateDataKey"}

Call = tuple[str, str, str, str]
"""Principal, action, operation and resource, without what differs from demo to demo."""


def calls_in(entries: Iterable[JournalEntry]) -> list[Call]:
    """Return the distinct calls that IAM decides about, in a stable order.

    Calls without a signature go to public APIs, which ask no policy.
    """
    return sorted(
        {
            (
                _lasting(entry.principal),
                entry.action,
                entry.operation,
                _lasting(entry.resource),
            )
            for entry in entries
            if entry.kind is CallKind.API
        }
    )


def read_calls(path: Path = RECORDED) -> list[Call]:
    """Return the calls that were written with `write_calls`."""
    return [(who, action, what, on) for who, action, what, on in json.loads(path.read_text())]


def write_calls(calls: list[Call], path: Path = RECORDED) -> None:
    """Write calls, one a line."""
    lines = ",\n".join(json.dumps(call) for call in calls)
    path.write_text(f"[\n{lines}\n]\n", "utf-8")


def requests_of(call: Call) -> Iterator[Request]:
    """Yield the request of a call, and those that AWS decides about with it."""
    principal, action, operation, resource = call
    yield Request(principal, action, _exact(principal, action, resource), _told(action, resource))
    if action == "cloudformation:CreateChangeSet":
        role = _service_role(resource)
        yield Request(principal, "iam:PassRole", role, _PASSED_TO_CLOUDFORMATION)
    if action == "sts:AssumeRole":
        # Every session carries its flow run as source identity, see tasks/aws/clients.py.
        carried = {"sts:SourceIdentity": "run"}
        yield Request(principal, "sts:SetSourceIdentity", resource, carried)
    if operation in _KEY_USES and (key := _key_of(resource)):
        yield Request(principal, _KEY_USES[operation], key, _VIA_S3)


_VIA_S3 = {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
_PASSED_TO_CLOUDFORMATION = {"iam:PassedToService": "cloudformation.amazonaws.com"}


def _key_of(resource: str) -> str:
    """Return the key with which the bucket of an object is encrypted."""
    bucket = resource.rpartition(":::")[2].partition("/")[0]
    for known in VALUES.values():
        if bucket in {known["artifact_bucket"], known["staging_bucket"]}:
            return known["artifact_key_arn"]
    return ""


def _lasting(text: str) -> str:
    """Return an ARN in which what a demo makes up is replaced by what stays the same."""
    text = re.sub(r"(:assumed-role/[^/]+)/.*", r"\1/run", text)
    text = re.sub(r"/000000\d\d/", "/00000001/", text)
    text = re.sub(r"/\d{8}T\d{6}Z-", "/20261201T000000Z-", text)
    text = re.sub(r"/github-review-\d+-", "/github-review-1-", text)
    text = re.sub(r"\bpr(\d+)x[a-z0-9]{6}\b", r"pr\1xabcdef", text)
    return _SUFFIX.sub("-SUFFIX", _DIGEST.sub("digest", _UUID.sub(STACK_ID, text)))


def _exact(principal: str, action: str, resource: str) -> str:
    """Return the resource as AWS sees it, where the journal knows less.

    It knows a stack by its name, a key by its alias or an id that every demo makes up, and
    nothing of what is being created. A key either signs or encrypts.
    """
    account = principal.split(":")[4]
    if action in _CREATED:
        return f"arn:aws:{_CREATED[action].format(account)}"
    if ":kms:" in resource:
        owner = resource.split(":")[4] or account
        known = next(one for one in VALUES.values() if one["infrastructure_account"] == owner)
        signs = action in _SIGNING or resource.endswith("-signing")
        return known["signing_key_arn" if signs else "artifact_key_arn"]
    return re.sub(r"(:stack/[^/]+)/\*$", rf"\1/{STACK_ID}", resource) or "*"


_WRITTEN_ONCE = (
    "packages/",
    "manifests/",
    "provenance/",
    "ledger/",
    "verifications/",
    "holds/",
    "approvals/",
)
_SIGNING = {"kms:GetPublicKey", "kms:Sign"}
_CREATED = {
    "iam:CreateOpenIDConnectProvider": f"iam::{{}}:oidc-provider/{GITHUB}",
    "iam:CreatePolicy": "iam::{}:policy/acme-boundary",
    "kms:CreateAlias": "kms:eu-central-1:{}:alias/acme",
}


def _told(action: str, resource: str) -> dict[str, str]:
    """Return what the product says in calls of an action, which the journal does not keep."""
    if action == "cloudformation:CreateChangeSet":
        return {"cloudformation:RoleArn": _service_role(resource)}
    if action == "s3:PutObject" and resource.partition("/")[2].startswith(_WRITTEN_ONCE):
        # tasks/aws/objects.py creates every one of these, and in one call.
        return {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
    for environment in ENVIRONMENTS:
        known = VALUES[environment]
        if action == "sts:AssumeRole" and known["runtime_account"] in resource:
            return {"sts:ExternalId": known["external_id"]}
    return {}


def _service_role(stack: str) -> str:
    for subject in SUBJECTS:
        names = names_of(subject)
        if f":stack/{names.prefix}" in stack:
            return names.role_arn(Role.CLOUDFORMATION)
    raise ValueError(f"{stack} is of no environment")
