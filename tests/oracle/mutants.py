"""Every policy with one part taken away: each has to change what somebody may do."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.judges import Judge, Verdict
from tests.oracle.world import PLAN_SESSION, Document, Request, parts_of, simulation_of
from tiercel.domain.accounts.policy_difference import listed
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.sandbox.accounts.templates import RenderedPolicy, policy_names

Path = tuple[str | int, ...]

_AT_ONCE = 4
"""Most mutants are noticed by one of the first requests: the others are then not asked for."""

_BOTH_SIDES = "the key's policy says it, too; if one of the two is widened, the other holds"
_UNKNOWN = "AWS documents the resource, but iam-simulate's data does not know it"

_SPARED_ALONE = (
    "a Deny of the same policy spares that role alone; if one is widened, the other holds"
)
_WITHOUT_KMS = "who lists `kms` may decrypt with any key that lets it; who does not, with this"
_USED_ANYWHERE = (
    "what functions may use of the service anywhere covers it; the role itself needs it"
)
_IN_A_NETWORK = "who lists `vpc` may look at all of it; who does not, at this"
_SPARED = "it spares this very role; the boundary has it for functions"
_NAMELESS = "iam-simulate takes a call without a resource for one on any; AWS demands that of *"

_ON_DEMAND = frozenset(
    {
        "KeepOutOfOtherFunctions",
        "KeepOutOfOtherParameters",
        "KeepOutOfPermanentStacks",
        "ReadStagedPackages",
        "UseWhatHasNoName",
        "UseWhatIsShared",
    }
)
"""Statements of environments on demand alone; all others are those of permanent stacks."""

UNSEEN: Mapping[str, str] = {
    "artifact-bucket/NextEnvironmentTellsWhatItHasLive: ArnEquals aws:PrincipalArn": _SPARED_ALONE,
    "cloudformation-boundary/DecryptStagedPackages: StringEquals kms:ViaService": _BOTH_SIDES,
    "cloudformation-boundary/DecryptStagedPackages: the statement": _USED_ANYWHERE,
    **{
        f"sessions/plan/TransformServerlessTemplates: {part}": _UNKNOWN
        for part in (
            "the statement",
            "Resource arn:aws:cloudformation:eu-central-1:aws:transform/LanguageExtensions",
            "Resource arn:aws:cloudformation:eu-central-1:aws:transform/Serverless-2016-10-31",
        )
    },
    **{
        f"cloudformation-{policy}/ManageStacksAndRoles: {part}": _UNKNOWN
        for policy in ("boundary", "permissions")
        for part in (
            "Action cloudformation:CreateChangeSet",
            "Resource arn:aws:cloudformation:eu-central-1:aws:transform/*",
        )
    },
    **{
        f"cloudformation-{policy}/ManageInTheRegion: Action ec2:Describe{what}": _IN_A_NETWORK
        for policy in ("boundary", "permissions")
        for what in ("NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    },
    **{
        f"cloudformation-boundary/UseAnything: Action {action}": _NAMELESS
        for action in ("cloudwatch:GetMetric*", "cloudwatch:PutMetricData", "logs:GetQueryResults")
    },
    "cloudformation-boundary/UseAnything: Action s3:ListAllMyBuckets": _USED_ANYWHERE,
    **{
        f"cloudformation-permissions/OnlyTheServiceRole: {part}": _SPARED
        for part in (
            "Action ec2:*LaunchTemplate",
            "Action ec2:*LaunchTemplateVersion*",
            "Action ec2:ModifyInstanceAttribute",
            "Action ec2:TerminateInstances",
            "the statement",
        )
    },
    "cloudformation-permissions/DecryptStagedPackages: StringEquals kms:ViaService": _BOTH_SIDES,
    "cloudformation-permissions/DecryptStagedPackages: the statement": _WITHOUT_KMS,
    "deployer-permissions/TransformServerlessTemplates: the statement": _UNKNOWN,
    "deployer-permissions/UseArtifactKeyThroughS3: StringEquals kms:ViaService": _BOTH_SIDES,
    **{
        f"ephemeral-boundary/UseWhatHasNoName: Action {action}": _NAMELESS
        for action in ("cloudwatch:GetMetric*", "cloudwatch:PutMetricData")
    },
    **{
        f"ephemeral-{policy}/KeepOutOfOtherParameters: NotResource arn:*:ssm:*::parameter/aws/*": (
            _UNKNOWN
        )
        for policy in ("boundary", "permissions")
    },
    "orchestrator-permissions/DecryptVerifiedArtifacts: StringLike kms:ViaService": _BOTH_SIDES,
    "orchestrator-permissions/EncryptWhatIsTold: StringLike kms:ViaService": _BOTH_SIDES,
}
"""Mutants that change no verdict, and why the part stays."""


@dataclass(frozen=True)
class Mutant:
    """A policy, and the place of what is taken away from it."""

    name: str
    sid: str
    place: Path
    text: str

    @property
    def label(self) -> str:
        """What is taken away, for people: policy, statement and part."""
        return f"{self.name}/{self.sid}: {self.text}"

    def applied(self, policy: RenderedPolicy) -> RenderedPolicy:
        """Return the policy without the part."""
        mutated = copy.deepcopy(policy)
        found: Any = mutated
        for step in self.place[:-1]:
            found = found[step]
        del found[self.place[-1]]
        return mutated


@dataclass(frozen=True)
class Judged:
    """A request and the verdict of the policies as they are."""

    request: Request
    verdict: Verdict


def mutants_of(name: str, policy: RenderedPolicy) -> Iterator[Mutant]:
    """Yield the policy's mutants: without a statement, an action, a resource, a condition.

    The only action or resource of a statement is the statement; the only value of a
    condition is the condition, and the only condition is the whole block.
    """
    for index, statement in enumerate(policy["Statement"]):
        at: Path = ("Statement", index)
        sid = statement["Sid"]
        yield Mutant(name, sid, at, "the statement")
        for element in ("Action", "Resource", "NotResource"):
            yield from _members(name, sid, (*at, element), statement.get(element))
        conditions = statement.get("Condition", {})
        for operator, tests in conditions.items():
            for key, value in tests.items():
                alone = len(conditions) == 1 and len(tests) == 1
                place = (*at, "Condition") if alone else (*at, "Condition", operator, key)
                yield Mutant(name, sid, place, f"{operator} {key}")
                yield from _members(name, sid, (*at, "Condition", operator, key), value)


def _members(name: str, sid: str, place: Path, value: Any) -> Iterator[Mutant]:
    if isinstance(value, list) and len(value) > 1:
        for index, member in enumerate(value):
            yield Mutant(name, sid, (*place, index), f"{place[-1]} {member}")


def all_mutants(policies: Mapping[Document, RenderedPolicy]) -> list[Mutant]:
    """Return the mutants of every policy of ours, each once; it is applied to both environments."""
    return [
        mutant
        for name in (*policy_names(), PLAN_SESSION)
        for mutant in mutants_of(name, policies[subject_of(name), name])
        if not name.startswith(EPHEMERAL) or mutant.sid in _ON_DEMAND
    ]


def subject_of(policy: str) -> str:
    """Return whose values a policy has: only environments on demand have what is shared."""
    return EPHEMERAL if policy.startswith(EPHEMERAL) else "prod"


def survivors(
    judge: Judge,
    policies: Mapping[Document, RenderedPolicy],
    judged: Sequence[Judged],
    mutants: Iterable[Mutant],
) -> list[Mutant]:
    """Return the mutants under which every request has the verdict that it had."""
    by_document: dict[Document, list[Judged]] = {}
    for each in judged:
        for document in parts_of(each.request).documents():
            by_document.setdefault(document, []).append(each)
    return [mutant for mutant in mutants if not _is_noticed(judge, policies, by_document, mutant)]


def _is_noticed(
    judge: Judge,
    policies: Mapping[Document, RenderedPolicy],
    by_document: Mapping[Document, Sequence[Judged]],
    mutant: Mutant,
) -> bool:
    for document, concerned in by_document.items():
        if document[1] != mutant.name:
            continue
        mutated = {**policies, document: mutant.applied(policies[document])}
        statement = policies[document]["Statement"][mutant.place[1]]
        asked = [each for each in concerned if may_matter(statement, each.request.action)]
        asked = _likeliest_first(asked, statement, mutant)
        for start in range(0, len(asked), _AT_ONCE):
            if _differs(judge, mutated, asked[start : start + _AT_ONCE]):
                return True
    return False


def _likeliest_first(
    asked: Sequence[Judged], statement: Mapping[str, Any], mutant: Mutant
) -> list[Judged]:
    """Return those that the removed action names; of a resource, first those that it names."""
    if len(mutant.place) != len(("Statement", 0, "Action", 0)):
        return list(asked)
    element, member = mutant.place[2:]
    removed = str(statement[str(element)][member])
    if element == "Action":
        return [each for each in asked if _names(removed, each.request.action)]
    return sorted(asked, key=lambda each: not _names(removed, each.request.resource))


def _names(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.lower())


def _differs(
    judge: Judge, policies: Mapping[Document, RenderedPolicy], asked: Sequence[Judged]
) -> bool:
    verdicts = judge.verdicts(simulation_of(each.request, policies) for each in asked)
    return any(each.verdict != now for each, now in zip(asked, verdicts, strict=True))


def may_matter(statement: Mapping[str, Any], action: str) -> bool:
    """A statement that does not name the action decides nothing, whole or in part."""
    return any(_names(one, action) for one in listed(statement["Action"]))
