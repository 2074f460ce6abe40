"""Everything that a check looks at is broken in turn: the check names it, then it is put back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox.breakages import (
    Breakage,
    Roots,
    alias_elsewhere,
    another_boundary,
    another_key,
    broken,
    bucket_naming_a_deleted_role,
    bucket_policy,
    clock_runs_ahead,
    key_open_to_the_account,
    key_policy,
    lacking,
    naming_a_deleted_role,
    no_builder,
    no_provider,
    no_staging_bucket,
    one_policy_more,
    open_to_all_of_github,
    permissions,
    setting,
    signing_disabled,
    trust,
    unbounded,
    with_another_external_id,
    with_one_more,
    without_audience,
    without_external_id,
    without_lifecycle,
    without_public_block,
    without_subject,
)
from tests.sandbox.support import PREPROD, PROD, TOPOLOGY
from tiercel.domain.accounts.bucket_check import check_bucket
from tiercel.domain.accounts.findings import Finding, Verdict
from tiercel.domain.accounts.key_check import check_key
from tiercel.domain.accounts.observations import Unread
from tiercel.domain.accounts.role_check import check_boundary, check_role
from tiercel.domain.accounts.use_check import (
    accepts_github,
    are_protected,
    clock_is_right,
    external_id_is_taken,
    quotas_have_room,
    worked,
)
from tiercel.domain.accounts.wanted_environment import WantedEnvironment
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access, auditor, deployer, orchestrator
from tiercel.domain.organization.names import Names, Role
from tiercel.flows.checking.wanted import wanted_environment
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.accounts.check_cloudformation import (
    find_unprotected_stacks,
    read_stack_quota,
    try_change_set,
)
from tiercel.tasks.accounts.check_iam import (
    read_iam_quotas,
    read_identity_provider,
    read_managed_policy,
    read_role,
)
from tiercel.tasks.accounts.check_kms import read_key, try_encryption, try_signing, try_verifying
from tiercel.tasks.accounts.check_s3 import leave_marker, read_bucket, read_marker, try_staging
from tiercel.tasks.accounts.check_sts import assume, compare_clocks
from tiercel.tasks.aws.clients import forget_clients

Looking = Callable[["Look"], list[Finding]]


class Look:
    """A check of Preprod, part by part. Its sessions last, as those of one run.

    `keys` are the ARNs of the two keys as they were provisioned.
    """

    def __init__(self, keys: tuple[str, str], names: Names = PREPROD) -> None:
        run = "check"
        self.names, self.run = names, run
        self.boss: Access = orchestrator(names, run)
        self.deployer: Access = deployer(names, run)
        self.auditor: Access = auditor(names, run)
        self.keys = keys

    @property
    def wanted(self) -> WantedEnvironment:
        return wanted_environment(TOPOLOGY, self.names, *self.keys)

    def artifact_bucket(self) -> list[Finding]:
        seen = read_bucket.fn(self.boss, self.names.artifact_bucket)
        return check_bucket(self.wanted.artifact_bucket, seen)

    def staging_bucket(self) -> list[Finding]:
        seen = read_bucket.fn(self.auditor, self.names.staging_bucket)
        return check_bucket(self.wanted.staging_bucket, seen)

    def artifact_key(self) -> list[Finding]:
        seen = read_key.fn(self.boss, self.names.artifact_key_alias)
        return check_key(self.wanted.encryption_key, seen)

    def signing_key(self) -> list[Finding]:
        seen = read_key.fn(self.boss, self.names.signing_key_alias)
        return check_key(self.wanted.signing_key, seen)

    def role(self, role: Role) -> list[Finding]:
        own = self.names.account_of(role) == self.names.environment.infrastructure_account
        seen = read_role.fn(self.boss if own else self.auditor, self.names.role(role))
        return check_role(self.wanted.role(role), seen)

    def boundary(self) -> list[Finding]:
        seen = read_managed_policy.fn(self.auditor, self.names.boundary_arn)
        policy = self.wanted.policies["cloudformation-boundary"]
        return check_boundary(self.wanted.boundary, policy, self.wanted.remedy, seen)

    def provider(self) -> list[Finding]:
        seen = read_identity_provider.fn(self.boss, self.names.github_provider_arn)
        return [accepts_github(self.wanted.infrastructure("provider"), "provision it", seen)]

    def quotas(self) -> list[Finding]:
        seen = read_stack_quota.fn(self.auditor), read_iam_quotas.fn(self.auditor)
        return [
            found
            for one in seen
            for found in quotas_have_room(self.wanted.runtime("account"), "quotas", one)
        ]

    def entries(self) -> list[Finding]:
        # A run of its own, so that no session is at hand.
        run = uuid.uuid4().hex
        entering = deployer(self.names, run), auditor(self.names, run)
        seen = [tried(assume.fn, who) for who in entering]
        things = [self.wanted.role_thing(role) for role in (Role.DEPLOYER, Role.AUDITOR)]
        found = [
            worked(thing, "assumed", one, "provision it")
            for thing, one in zip(things, seen, strict=True)
        ]
        external_id = self.names.environment.external_id
        return found + external_id_is_taken(things, external_id, seen, "provision it")

    def clock(self) -> list[Finding]:
        seen = tried(compare_clocks.fn, self.names.environment.region)
        return [clock_is_right(self.wanted.infrastructure("account"), seen)]

    def encryption(self) -> list[Finding]:
        seen = tried(try_encryption.fn, self.boss, self.keys[0])
        return [worked(self.wanted.encryption_key.thing, "encrypt", seen, "provision it")]

    def signing(self) -> list[Finding]:
        thing, arn = self.wanted.signing_key.thing, self.keys[1]
        signed = tried(try_signing.fn, self.boss, arn)
        if isinstance(signed, Unread):
            return [worked(thing, "sign", signed, "provision it")]
        seen = tried(try_verifying.fn, self.deployer, arn, signed)
        return [worked(thing, "the deployer verifies", seen, "provision it")]

    def objects(self) -> list[Finding]:
        bucket, thing = self.names.artifact_bucket, self.wanted.artifact_bucket.thing
        left = tried(leave_marker.fn, self.boss, bucket)
        seen = tried(read_marker.fn, self.deployer, bucket)
        return [
            worked(thing, "put, head and get", left, "provision it"),
            worked(thing, "the deployer heads and gets", seen, "provision it"),
        ]

    def staging(self) -> list[Finding]:
        seen = tried(try_staging.fn, self.deployer, self.names.staging_bucket, self.run)
        return [worked(self.wanted.staging_bucket.thing, "stage", seen, "provision it")]

    def change_set(self) -> list[Finding]:
        role = self.names.role_arn(Role.CLOUDFORMATION)
        seen = tried(try_change_set.fn, self.deployer, self.names.check_stack, role, self.run)
        return [worked(self.wanted.runtime("stacks"), "change set", seen, "provision it")]


def tried(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except TiercelError as error:
        return Unread.of(error)


@pytest.fixture(scope="module")
def keys(roots: Roots) -> tuple[str, str]:
    kms = roots.infrastructure("kms")
    found = [
        kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] for alias in (ARTIFACT_KEY, SIGNING_KEY)
    ]
    return found[0], found[1]


def seeing(role: Role) -> Looking:
    return lambda look: look.role(role)


@pytest.fixture(scope="module")
def roots(box: Sandbox) -> Iterator[Roots]:
    """Tasks work as Preprod's operator; the roots break what they look at."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in box.environ("preprod").items():
            patch.setenv(name, value)
        forget_clients()
        yield Roots(box)
    forget_clients()


ENABLED, SUSPENDED = {"Status": "Enabled"}, {"Status": "Suspended"}
ENFORCED, WRITER = (
    {"Rules": [{"ObjectOwnership": one}]} for one in ("BucketOwnerEnforced", "ObjectWriter")
)
VERSIONING = "put_bucket_versioning VersioningConfiguration"
OWNERSHIP = "put_bucket_ownership_controls OwnershipControls"
ARTIFACTS, STAGING = PREPROD.artifact_bucket, PREPROD.staging_bucket
ARTIFACT_KEY, SIGNING_KEY = PREPROD.artifact_key_alias, PREPROD.signing_key_alias

BREAKAGES: list[tuple[str, Breakage, Looking, str]] = [
    (
        "versioning suspended",
        setting("infrastructure", ARTIFACTS, VERSIONING, SUSPENDED, ENABLED),
        Look.artifact_bucket,
        "versioning is Suspended",
    ),
    (
        "ACLs switched on",
        setting("runtime", STAGING, OWNERSHIP, WRITER, ENFORCED),
        Look.staging_bucket,
        "object ownership is ObjectWriter",
    ),
    ("public access", without_public_block, Look.staging_bucket, "block of public access lacks"),
    ("no lifecycle", without_lifecycle, Look.artifact_bucket, "no lifecycle rule ends abandoned"),
    ("another key", another_key, Look.artifact_bucket, "encrypted with another key"),
    ("no staging bucket", no_staging_bucket, Look.staging_bucket, "the bucket does not exist"),
    ("nowhere to stage", no_staging_bucket, Look.staging, "stage: it does not work"),
    (
        "no TLS only",
        bucket_policy(lacking("NeverWithoutTls")),
        Look.artifact_bucket,
        "statement NeverWithoutTls is missing",
    ),
    (
        "a deleted role in a bucket's policy",
        bucket_policy(bucket_naming_a_deleted_role),
        Look.artifact_bucket,
        "a principal was deleted: AROAJQABLZS4A3QDU576Q in statement DeployerListsArtifacts",
    ),
    (
        "the deployer may not read artifacts",
        bucket_policy(lacking("DeployerReadsArtifacts")),
        Look.objects,
        "the deployer heads and gets: it does not work",
    ),
    (
        "a deleted role in a trust",
        trust(Role.AUDITOR, naming_a_deleted_role),
        lambda look: look.role(Role.AUDITOR),
        "a principal was deleted: AROAJQABLZS4A3QDU576Q",
    ),
    (
        "no external id",
        trust(Role.DEPLOYER, without_external_id),
        seeing(Role.DEPLOYER),
        "the trust demands no external id",
    ),
    (
        "another external id",
        trust(Role.DEPLOYER, with_another_external_id),
        seeing(Role.DEPLOYER),
        "accepts the external id acme-other-000000",
    ),
    (
        "a deployer that nobody becomes",
        trust(Role.DEPLOYER, lacking("OrchestratorOfThisEnvironmentMayDeploy")),
        Look.entries,
        "assumed: it does not work",
    ),
    (
        "every workflow of GitHub",
        trust(Role.TRIGGER, without_subject),
        seeing(Role.TRIGGER),
        "accepts every workflow on GitHub",
    ),
    (
        "pull requests of GitHub",
        trust(Role.TRIGGER, open_to_all_of_github),
        seeing(Role.TRIGGER),
        "accepts repo:acme/*",
    ),
    (
        "any audience",
        trust(Role.TRIGGER, without_audience),
        seeing(Role.TRIGGER),
        ":aud is not limited to sts.amazonaws.com",
    ),
    ("no provider", no_provider, Look.provider, "there is no identity provider"),
    (
        "the deployer may not plan",
        permissions(Role.DEPLOYER, lacking("ManageOwnStacks")),
        seeing(Role.DEPLOYER),
        "statement ManageOwnStacks is missing",
    ),
    (
        "the deployer may not pass the service role",
        permissions(Role.DEPLOYER, lacking("PassOnlyTheServiceRole")),
        Look.change_set,
        "change set: it does not work",
    ),
    (
        "the orchestrator may not encrypt",
        permissions(Role.ORCHESTRATOR, lacking("EncryptArtifacts")),
        Look.encryption,
        "encrypt: it does not work",
    ),
    (
        "the orchestrator may not look",
        permissions(Role.ORCHESTRATOR, lacking("CheckOwnBucket")),
        Look.artifact_bucket,
        "public access block: cannot be read",
    ),
    (
        "the orchestrator may do more",
        permissions(Role.ORCHESTRATOR, with_one_more),
        seeing(Role.ORCHESTRATOR),
        "statement More is in excess",
    ),
    (
        "the service role may do more",
        permissions(Role.CLOUDFORMATION, with_one_more),
        seeing(Role.CLOUDFORMATION),
        "statement More is in excess",
    ),
    (
        "a policy more",
        one_policy_more,
        seeing(Role.DEPLOYER),
        "the role has other policies, too: just-for-today",
    ),
    ("no boundary", unbounded, seeing(Role.CLOUDFORMATION), "permissions boundary is missing"),
    ("another boundary", another_boundary, Look.boundary, "KeepWhatIsProtected is missing"),
    ("no builder", no_builder, seeing(Role.BUILDER), "the role does not exist"),
    ("signing disabled", signing_disabled, Look.signing_key, "the key is Disabled"),
    ("nobody signs", signing_disabled, Look.signing, "sign: it does not work"),
    (
        "a key open to the account",
        key_policy(ARTIFACT_KEY, key_open_to_the_account),
        Look.artifact_key,
        "statement RuntimeAccountUsesTheKeyThroughS3 lacks",
    ),
    (
        "a signature that nobody verifies",
        key_policy(SIGNING_KEY, lacking("DeployerVerifies")),
        Look.signing,
        "the deployer verifies: it does not work",
    ),
    ("an alias elsewhere", alias_elsewhere, Look.artifact_key, "leads to another key, or"),
    ("a fast clock", clock_runs_ahead, Look.clock, "ahead of AWS's"),
]


def red(found: list[Finding]) -> list[str]:
    return [one.what for one in found if one.verdict is Verdict.RED]


@pytest.mark.parametrize(
    ("breakage", "look", "said"), [row[1:] for row in BREAKAGES], ids=[row[0] for row in BREAKAGES]
)
def test_what_is_broken_is_named_and_green_once_it_is_put_back(
    roots: Roots, keys: tuple[str, str], breakage: Breakage, look: Looking, said: str
) -> None:
    with broken(breakage, roots):
        found = look(Look(keys))
    assert [what for what in red(found) if said in what], found
    assert all(one.why and one.remedy for one in found if one.verdict is Verdict.RED)
    assert red(look(Look(keys))) == []


@pytest.mark.usefixtures("roots")
def test_a_wrong_external_id_in_the_configuration_is_suspected_by_name(
    keys: tuple[str, str],
) -> None:
    environment = PREPROD.environment.model_copy(update={"external_id": "acme-typo-1f6a2c"})
    found = Look(keys, replace(PREPROD, environment=environment)).entries()
    assert sum("perhaps the external id acme-typo-1f6a2c" in what for what in red(found)) == 2


@pytest.mark.usefixtures("roots")
def test_another_environments_operator_gets_no_further_than_the_orchestrator() -> None:
    refused = tried(assume.fn, orchestrator(PROD, "check-stranger"))
    assert isinstance(refused, Unread)
    assert not refused.passing


def test_a_check_leaves_one_marker_and_nothing_else(roots: Roots, keys: tuple[str, str]) -> None:
    look = Look(keys)
    for _ in range(2):
        assert red(look.objects() + look.staging() + look.change_set()) == []
    versions = [
        roots.infrastructure("s3").list_object_versions(Bucket=ARTIFACTS, Prefix="checks/"),
        roots.runtime("s3").list_object_versions(Bucket=STAGING, Prefix="checks/"),
    ]
    assert [len(one.get("Versions", ())) for one in versions] == [1, 0]
    assert [len(one.get("DeleteMarkers", ())) for one in versions] == [0, 0]
    stacks = roots.runtime("cloudformation").list_stacks()["StackSummaries"]
    left = [one for one in stacks if one["StackName"] == PREPROD.check_stack]
    assert {one["StackStatus"] for one in left} <= {"DELETE_COMPLETE"}


def test_a_stack_of_the_checks_name_that_is_somebodys_is_left_alone(
    roots: Roots, keys: tuple[str, str]
) -> None:
    cloudformation = roots.runtime("cloudformation")
    body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    cloudformation.create_stack(StackName=PREPROD.check_stack, TemplateBody=body)
    (what,) = red(Look(keys).change_set())
    assert what == "change set: it does not work"
    found = cloudformation.describe_stacks(StackName=PREPROD.check_stack)["Stacks"]
    assert found[0]["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName=PREPROD.check_stack)


def test_stacks_without_termination_protection_are_found_but_for_what_holds_nothing(
    roots: Roots, keys: tuple[str, str]
) -> None:
    cloudformation = roots.runtime("cloudformation")
    body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    names = {name: f"{PREPROD.prefix}{name}" for name in ("bare", "guarded", "planned")}
    bare = cloudformation.create_stack(StackName=names["bare"], TemplateBody=body)["StackId"]
    cloudformation.create_stack(
        StackName=names["guarded"], TemplateBody=body, EnableTerminationProtection=True
    )
    cloudformation.create_stack(StackName="payroll", TemplateBody=body)
    cloudformation.create_change_set(
        StackName=names["planned"], ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body
    )
    look = Look(keys)
    found = find_unprotected_stacks.fn(look.auditor, PREPROD.prefix)
    ours = [one for one in found if one.stack_id.split("/")[1] in names.values()]
    assert [one.stack_id for one in ours] == [bare]
    (what,) = red([are_protected(look.wanted.runtime("stacks"), found)])
    assert names["bare"] in what
    cloudformation.update_termination_protection(
        StackName=names["guarded"], EnableTerminationProtection=False
    )
    for name in (*names.values(), "payroll"):
        cloudformation.delete_stack(StackName=name)


def test_quotas_are_read_or_it_is_said_why_not(keys: tuple[str, str]) -> None:
    found = Look(keys).quotas()
    assert red(found) == []
    assert all(one.why for one in found if one.verdict is Verdict.UNKNOWN)
