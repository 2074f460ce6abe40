"""The sandbox's evaluator as a process: ministack's, corrected as in the sandbox itself.

It reads simulations as iam-simulate takes them, one a line, and answers with verdicts.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["AUTH"] = "true"

from ministack.core import iam_evaluator
from ministack.services import s3

from tests.oracle.judges import Simulation, Verdict
from tiercel.sandbox.aws import corrections

_VERDICTS = {
    "Allow": Verdict.ALLOWED,
    "Deny": Verdict.FORBIDDEN,
    "ImplicitDeny": Verdict.DENIED,
}
# The emulator finds these out itself.
_OWN_KEYS = {
    "aws:principalarn",
    "aws:principalaccount",
    "aws:requestedregion",
    "aws:resourceaccount",
}


def judge(simulation: Simulation) -> Verdict:
    """Return what the sandbox would decide."""
    context = _context(simulation["request"])
    _own_bucket(simulation["request"]["resource"])
    identity = _parsed(simulation["identityPolicies"])
    limits = [
        _parsed(simulation[name]) for name in ("permissionBoundaryPolicies",) if name in simulation
    ]
    result = iam_evaluator.evaluate(context, identity, *limits)
    if context.action == "sts:AssumeRole":
        return _assumed(result, context, simulation["resourcePolicy"])
    service = context.action.partition(":")[0]
    owner = simulation["request"]["resource"]["accountId"]
    if _has_policy(service, context.resource_arn):
        policy = simulation.get("resourcePolicy")
        required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(
            result, context, policy, owner, required=required, limits=tuple(limits)
        )
    return _VERDICTS[result.decision]


def _assumed(
    result: iam_evaluator.EvalResult, context: iam_evaluator.EvalContext, trust: dict[str, Any]
) -> Verdict:
    """Return the decision about a role: the caller's own policy first, then the role's trust.

    The emulator only knows whether the trust holds; a Deny in it shows in the same
    statements without the Allows.
    """
    own = _VERDICTS[result.decision]
    if iam_evaluator.evaluate_trust_policy(trust, context.principal_arn, context):
        return own
    turned = [
        statement | {"Effect": "Allow"}
        for statement in trust["Statement"]
        if statement["Effect"] == "Deny"
    ]
    forbidden = iam_evaluator.evaluate_trust_policy(
        {"Statement": turned}, context.principal_arn, context
    )
    return Verdict.FORBIDDEN if forbidden or own is Verdict.FORBIDDEN else Verdict.DENIED


def _context(request: dict[str, Any]) -> iam_evaluator.EvalContext:
    principal = request["principal"]
    keys = {name.lower(): value for name, value in request["contextVariables"].items()}
    told = {name: value for name, value in keys.items() if name not in _OWN_KEYS}
    told.setdefault("aws:tagkeys", None)
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole" if ":assumed-role/" in principal else "User",
        principal_account=principal.split(":")[4],
        action=request["action"],
        resource_arn=request["resource"]["resource"],
        region=keys["aws:requestedregion"],
        secure_transport=keys.get("aws:securetransport") == "true",
        service_context=told,
    )


def _has_policy(service: str, resource: str) -> bool:
    """Whether the emulator asks a policy of the resource itself: of a bucket or a key."""
    return service == "s3" or (service == "kms" and ":key/" in resource)


def _own_bucket(resource: dict[str, str]) -> None:
    """Give the bucket to its account, so that the emulator knows the owner."""
    if resource["resource"].startswith("arn:aws:s3:::"):
        name = resource["resource"].removeprefix("arn:aws:s3:::").partition("/")[0]
        s3._buckets.set_scoped(resource["accountId"], None, name, {})


def _parsed(policies: list[dict[str, Any]]) -> list[list[iam_evaluator.ParsedStatement]]:
    return [iam_evaluator.parse_policy_document(each["policy"]) for each in policies]


def main() -> None:
    """Answer every line of standard input."""
    corrections.apply()
    for line in sys.stdin:
        try:
            answer: dict[str, str] = {"verdict": judge(json.loads(line))}
        except (ValueError, KeyError, TypeError) as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
