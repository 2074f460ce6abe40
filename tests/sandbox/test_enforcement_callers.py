from __future__ import annotations

import json
import uuid
from typing import Any

import boto3
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.support import (
    PREPROD,
    PROD,
    Caller,
    allow,
    call_url,
    caller,
    document,
    orchestrator,
    role_with,
)
from tiercel.domain.organization.names import Role
from tiercel.sandbox.accounts.github_tokens import Job, TokenIssuer, claims_of
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.layout import Layout

JOB = Job("acme/shop", 101, "refs/heads/develop", environment="preprod")


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    return caller(box, "preprod-runtime-root")


def show(box: Sandbox, token: str, role_arn: str | None = None) -> dict[str, Any]:
    """Ask for the trigger role with a token, signed by nobody, as a workflow does."""
    sts = boto3.client(
        "sts",
        endpoint_url=box.aws_endpoint,
        region_name="eu-central-1",
        config=Config(signature_version=UNSIGNED),
    )
    answer: dict[str, Any] = sts.assume_role_with_web_identity(
        RoleArn=role_arn or PREPROD.role_arn(Role.TRIGGER),
        RoleSessionName="workflow",
        WebIdentityToken=token,
    )
    return answer


def issued(box: Sandbox, job: Job = JOB, **changed: Any) -> str:
    return TokenIssuer.of(Layout(box.state)).token(job, **changed)


def test_a_job_in_the_environment_becomes_the_trigger(box: Sandbox) -> None:
    answer = show(box, issued(box))
    assert answer["SubjectFromWebIdentityToken"] == "repo:acme/shop:environment:preprod"
    assert answer["Provider"].endswith(":oidc-provider/token.actions.githubusercontent.com")
    keys = answer["Credentials"]
    who = Caller(
        box.aws_endpoint,
        "eu-central-1",
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        keys["SessionToken"],
    )
    assert who.client("sts").get_caller_identity()["Arn"].endswith("trigger/workflow")
    with pytest.raises(ClientError, match="AccessDenied"):
        who.client("s3").list_objects_v2(Bucket=PREPROD.artifact_bucket)


@pytest.mark.parametrize(
    "job",
    [
        Job("acme/other", 101, "refs/heads/develop", environment="preprod"),
        Job("acme/shop", 101, "refs/heads/develop", environment="prod"),
        Job("acme/shop", 101, "refs/heads/develop"),
        Job("acme/shop", 101, "refs/pull/1/merge", event="pull_request"),
        Job("acme/shop-fork", 101, "refs/heads/develop", environment="preprod"),
    ],
    ids=["repository", "environment", "branch alone", "pull request", "prefix"],
)
def test_a_job_from_elsewhere_is_denied(box: Sandbox, job: Job) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied.*Not authorized to perform"):
        show(box, issued(box, job))


def test_a_token_for_preprod_opens_no_role_but_its_own(box: Sandbox) -> None:
    for role_arn in (PROD.role_arn(Role.TRIGGER), PREPROD.role_arn(Role.ORCHESTRATOR)):
        with pytest.raises(ClientError, match="AccessDenied"):
            show(box, issued(box), role_arn)


def test_a_token_that_does_not_hold_is_refused(box: Sandbox) -> None:
    stranger = TokenIssuer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    unsigned = jwt.encode(claims_of(JOB), "", algorithm="none", headers={"kid": "sandbox"})
    confused = jwt.encode(claims_of(JOB), "k" * 32, algorithm="HS256", headers={"kid": "sandbox"})
    good = issued(box)
    tampered = ".".join([good.split(".")[0], unsigned.split(".")[1], good.split(".")[2]])
    for token, code in (
        (issued(box, Job("acme/shop", 101, "x", environment="preprod", audience="me")),
         "InvalidIdentityToken.*Incorrect token audience"),
        (issued(box, exp=1_700_000_000), "ExpiredTokenException"),
        (issued(box, iss="https://gitlab.com"), "InvalidIdentityToken.*No OpenIDConnect provider"),
        (stranger.token(JOB), "InvalidIdentityToken"),
        (unsigned, "InvalidIdentityToken"),
        (confused, "InvalidIdentityToken"),
        (tampered, "InvalidIdentityToken"),
        ("no token", "InvalidIdentityToken"),
    ):  # fmt: skip
        with pytest.raises(ClientError, match=code):
            show(box, token)


def test_a_session_keeps_its_source_identity(box: Sandbox) -> None:
    who = orchestrator(box, PREPROD)
    arn, external_id = PREPROD.role_arn(Role.DEPLOYER), PREPROD.environment.external_id
    asked = {"RoleArn": arn, "RoleSessionName": "test", "ExternalId": external_id}
    sts = who.client("sts")
    assert sts.assume_role(**asked)["SourceIdentity"] == "test"
    assert sts.assume_role(**asked, SourceIdentity="test")["SourceIdentity"] == "test"
    with pytest.raises(ClientError, match=f"sts:SetSourceIdentity on resource: {arn}"):
        sts.assume_role(**asked, SourceIdentity="somebody-else")


def test_source_identity_and_tags_need_the_trust_of_the_role(root: Caller) -> None:
    iam = root.client("iam")
    sts = role_with(root, "test-asker", allow("sts:*", "*")).client("sts")
    trusted = ["sts:AssumeRole"]
    for action, more in (
        ("sts:SetSourceIdentity", {}),  # the caller has one, which the new session gets too
        ("sts:TagSession", {"Tags": [{"Key": "run", "Value": "1"}]}),
    ):
        name = f"test-asked-{len(trusted)}"
        principal = {"AWS": "arn:aws:iam::222222222222:root"}
        trust = document({"Effect": "Allow", "Principal": principal, "Action": trusted})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        with pytest.raises(ClientError, match=f"no role trust policy allows the {action} action"):
            sts.assume_role(RoleArn=arn, RoleSessionName="test", **more)
        trusted.append(action)


def test_tags_and_source_identity_need_the_callers_permission_too(root: Caller) -> None:
    target = "arn:aws:iam::222222222222:role/test-tagged"
    person = role_with(root, "test-tagger", allow("sts:AssumeRole", "*"))
    role_with(root, "test-tagged", allow("sqs:*", "*"))
    sts = person.client("sts")
    for action, more in (
        ("sts:TagSession", {"Tags": [{"Key": "team", "Value": "red"}]}),
        ("sts:SetSourceIdentity", {"SourceIdentity": "xx"}),
    ):
        with pytest.raises(ClientError, match=f"perform: {action} on resource: {target}"):
            sts.assume_role(RoleArn=target, RoleSessionName="test", **more)


def test_conditions_see_the_tags_and_the_source_of_a_session(root: Caller) -> None:
    for key in ("aws:PrincipalTag/team", "aws:SourceIdentity"):
        name = "test-seen-" + key.rpartition(":")[2].partition("/")[0].lower()
        condition = {"Condition": {"StringEquals": {key: "red"}}}
        role_with(root, name, allow("sqs:ListQueues", "*") | condition)
        for value in ("red", "blue"):
            tagged = root.assume(
                f"arn:aws:iam::222222222222:role/{name}",
                source=value,
                Tags=[{"Key": "team", "Value": value}],
            )
            if value == "red":
                tagged.client("sqs").list_queues()
            else:
                with pytest.raises(ClientError, match="AccessDenied"):
                    tagged.client("sqs").list_queues()


def test_sessions_last_an_hour_when_a_session_asks(box: Sandbox) -> None:
    external_id = PREPROD.environment.external_id
    with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chain"):
        orchestrator(box, PREPROD).assume(
            PREPROD.role_arn(Role.DEPLOYER), ExternalId=external_id, DurationSeconds=3601
        )
    with pytest.raises(ClientError, match="exceeds the MaxSessionDuration"):
        caller(box, "preprod").assume(PREPROD.role_arn(Role.ORCHESTRATOR), DurationSeconds=40_000)


@pytest.mark.parametrize("kind", ["identity", "boundary", "session", "deny"])
def test_a_refusal_names_everything_and_which_policy_it_was(root: Caller, kind: str) -> None:
    name = f"test-refusal-{kind}"
    may = allow("sqs:CreateQueue", "*")
    statements = [] if kind == "identity" else [may]
    statements += [may | {"Effect": "Deny"}] if kind == "deny" else []
    role_with(root, name, *(statements or [allow("sns:ListTopics", "*")]))
    narrow = document(allow("sns:*", "*"))
    if kind == "boundary":
        iam = root.client("iam")
        arn = iam.create_policy(PolicyName=name, PolicyDocument=narrow)["Policy"]["Arn"]
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
    more = {"Policy": narrow} if kind == "session" else {}
    who = root.assume(f"arn:aws:iam::222222222222:role/{name}", **more)
    with pytest.raises(ClientError) as caught:
        who.client("sqs").create_queue(QueueName="x")
    expected = {
        "identity": "because no identity-based policy allows the sqs:CreateQueue action",
        "boundary": "because no permissions boundary allows the sqs:CreateQueue action",
        "session": "because no session policy allows the sqs:CreateQueue action",
        "deny": "with an explicit deny in an identity-based policy",
    }
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::222222222222:assumed-role/{name}/test is not authorized to perform: "
        f"sqs:CreateQueue on resource: arn:aws:sqs:eu-central-1:222222222222:x {expected[kind]}"
    )


def test_a_refusal_across_accounts_names_the_policy_of_the_resource(box: Sandbox) -> None:
    kms = caller(box, "preprod-infrastructure-root").client("kms")
    key = kms.describe_key(KeyId=PREPROD.signing_key_alias)["KeyMetadata"]["Arn"]
    other = role_with(caller(box, "prod-runtime-root"), "test-other", allow("kms:*", "*"))
    message = f"kms:GetPublicKey on resource: {key} because no resource-based policy allows"
    with pytest.raises(ClientError, match=message):
        other.client("kms").get_public_key(KeyId=key)


@pytest.mark.parametrize("boundary", [True, False])
def test_who_must_set_a_boundary_makes_no_role_without_it(root: Caller, boundary: bool) -> None:
    arn = PREPROD.boundary_arn
    condition = {"Condition": {"StringEquals": {"iam:PermissionsBoundary": arn}}}
    name = f"test-maker-{boundary}".lower()
    who = role_with(root, name, allow("iam:*", "*") | condition)
    more = {"PermissionsBoundary": arn} if boundary else {}
    iam = who.client("iam")
    trust = document(allow("sts:AssumeRole", "*") | {"Principal": {"AWS": "222222222222"}})
    made = {"RoleName": f"{name}-made", "AssumeRolePolicyDocument": trust}
    if boundary:
        iam.create_role(**made, **more)
        iam.put_role_policy(RoleName=made["RoleName"], PolicyName="p", PolicyDocument=trust)
    else:
        with pytest.raises(ClientError, match="iam:CreateRole on resource"):
            iam.create_role(**made)
        with pytest.raises(ClientError, match="iam:PutRolePolicy on resource"):
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=trust)


def elsewhere(request: Any, **_: Any) -> None:
    """Send a request to where no operation of its service is."""
    request.url = request.url.replace("/functions", "/nothing")


def test_a_request_whose_action_nobody_knows_is_refused(root: Caller) -> None:
    who = role_with(root, "test-nameless", allow("*", "*"))
    for person, refused in ((who, True), (root, False)):
        client = person.client("lambda")
        client.meta.events.register("before-sign.lambda", elsewhere)
        with pytest.raises(ClientError) as caught:
            client.list_functions()
        denied = "does not know the action" in str(caught.value)
        assert denied is refused, caught.value


def test_a_request_that_nobody_signs_is_refused_also_without_an_action(box: Sandbox) -> None:
    status, body, _ = call_url(box, box.aws_endpoint + "/2015-03-31/functions/no/such/thing")
    assert status == 403, body


def test_a_deny_with_an_operator_that_is_not_known_denies(root: Caller) -> None:
    may = allow("sqs:ListQueues", "*")
    odd = {"Condition": {"StringSoundsLike": {"aws:PrincipalTag/key": "x"}}}
    role_with(root, "test-odd", may).client("sqs").list_queues()
    who = role_with(root, "test-odd-deny", may, may | odd | {"Effect": "Deny"})
    with pytest.raises(ClientError, match="AccessDenied"):
        who.client("sqs").list_queues()


def test_a_bucket_that_denies_all_but_one_admits_that_one(root: Caller) -> None:
    s3, name = root.client("s3"), "test-all-but-one"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    one = role_with(root, "test-the-one", allow("s3:*", "*"))
    other = role_with(root, "test-the-other", allow("s3:*", "*"))
    spared = [
        "arn:aws:iam::222222222222:root",
        "arn:aws:iam::222222222222:role/test-the-one",
        "arn:aws:sts::222222222222:assumed-role/test-the-one/test",
    ]
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": spared},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{name}",
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}))
    one.client("s3").list_objects_v2(Bucket=name)
    with pytest.raises(ClientError, match="AccessDenied"):
        other.client("s3").list_objects_v2(Bucket=name)


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("${aws:PrincipalTag/team}-*", True),
        ("${aws:PrincipalTag/none, 'red'}-*", True),
        ("${aws:PrincipalTag/none}-*", False),
        ("${aws:PrincipalTag/team}", False),
    ],
)
def test_variables_in_policies_are_filled_in(root: Caller, pattern: str, allowed: bool) -> None:
    name = f"test-variable-{uuid.uuid4().hex[:8]}"
    role_with(root, name, allow("sqs:CreateQueue", f"arn:aws:sqs:*:*:{pattern}"))
    arn = f"arn:aws:iam::222222222222:role/{name}"
    sqs = root.assume(arn, Tags=[{"Key": "team", "Value": "red"}]).client("sqs")
    if allowed:
        sqs.create_queue(QueueName="red-orders")
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            sqs.create_queue(QueueName="red-orders")
