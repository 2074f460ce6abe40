"""What the sandbox's tests share: callers, packages and stacks."""

from __future__ import annotations

import configparser
import http.client
import io
import json
import time
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from tests.support.patience import PATIENCE_SECONDS
from tests.support.topology import topology_of
from tiercel.domain.organization.names import Names, Role
from tiercel.sandbox.lifecycle import Sandbox

TOPOLOGY = topology_of("acme/shop", more='[environments.prod.stacks]\nnames = "prefix"\n')
PREPROD = Names.of(TOPOLOGY, "preprod")
PROD = Names.of(TOPOLOGY, "prod")


@dataclass(frozen=True)
class Caller:
    """Somebody with keys, in one region of the sandbox."""

    endpoint: str
    region: str
    key: str
    secret: str
    token: str | None = None

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def assume(self, role_arn: str, source: str = "test", **more: Any) -> Caller:
        answer = self.client("sts").assume_role(
            RoleArn=role_arn, RoleSessionName="test", SourceIdentity=source, **more
        )
        keys = answer["Credentials"]
        return Caller(
            self.endpoint,
            self.region,
            keys["AccessKeyId"],
            keys["SecretAccessKey"],
            keys["SessionToken"],
        )


def caller(box: Sandbox, profile: str) -> Caller:
    file = configparser.RawConfigParser()
    file.read(box.credentials_file)
    section = file[profile]
    return Caller(
        box.aws_endpoint,
        box.regions[profile],
        section["aws_access_key_id"],
        section["aws_secret_access_key"],
    )


def orchestrator(box: Sandbox, names: Names) -> Caller:
    person = caller(box, names.environment.name)
    return person.assume(names.role_arn(Role.ORCHESTRATOR))


def deployer(box: Sandbox, names: Names) -> Caller:
    external_id = names.environment.external_id
    return orchestrator(box, names).assume(names.role_arn(Role.DEPLOYER), ExternalId=external_id)


def destroyer(box: Sandbox, names: Names) -> Caller:
    external_id = names.environment.external_id
    return orchestrator(box, names).assume(names.role_arn(Role.DESTROYER), ExternalId=external_id)


def role_with(root: Caller, name: str, *statements: dict[str, Any]) -> Caller:
    """Create a role of the root's account that may do just this, and become it."""
    account = root.client("sts").get_caller_identity()["Account"]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    trust = {"Effect": "Allow", "Action": actions, "Principal": principal}
    iam = root.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
    return root.assume(arn)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def zipped(**files: str) -> bytes:
    """Return a zip whose files are named by keyword: `app` becomes `app.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".py", content)
    return buffer.getvalue()


def staged(who: Caller, content: bytes, names: Names = PREPROD) -> dict[str, str]:
    """Put an object into the staging bucket; return where it is."""
    key = f"test/{uuid.uuid4()}"
    who.client("s3").put_object(Bucket=names.staging_bucket, Key=key, Body=content)
    return {"Bucket": names.staging_bucket, "Key": key}


def code(where: dict[str, str]) -> dict[str, str]:
    """Return a location in the words of AWS::Lambda::Function."""
    return {"S3Bucket": where["Bucket"], "S3Key": where["Key"]}


def deploy(
    who: Caller,
    stack: str,
    template: dict[str, Any] | None,
    kind: str = "CREATE",
    names: Names = PREPROD,
    **more: Any,
) -> dict[str, Any]:
    """Create and execute a change set, and return the stack when it came to rest."""
    cloudformation = who.client("cloudformation")
    name = f"change-{uuid.uuid4().hex[:8]}"
    body = {} if template is None else {"TemplateBody": json.dumps(template)}
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType=kind,
        RoleARN=names.role_arn(Role.CLOUDFORMATION),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        **body,
        **more,
    )
    eventually(
        lambda: (
            cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)["Status"]
            in {"CREATE_COMPLETE", "FAILED"}
        )
    )
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=name)
    return rest(who, stack)


def rest(who: Caller, stack: str) -> dict[str, Any]:
    """Return the stack once nothing is in progress."""
    cloudformation = who.client("cloudformation")

    def found() -> dict[str, Any] | None:
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if described["StackStatus"].endswith("IN_PROGRESS") else described

    at_rest: dict[str, Any] = eventually(found)
    return at_rest


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def reasons(who: Caller, stack_id: str) -> str:
    events = who.client("cloudformation").describe_stack_events(StackName=stack_id)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def eventually(condition: Any, patience: float = PATIENCE_SECONDS) -> Any:
    """Return the first true answer; fail when there is none in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {patience} s")


def call_url(
    box: Sandbox, url: str, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Call an address of AWS as a client on loopback does: with its host in the Host header."""
    server, target = urlsplit(box.aws_endpoint), urlsplit(url)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection = http.client.HTTPConnection(server.hostname or "", server.port or 0, timeout=20)
    try:
        connection.request(method, path, body, {"Host": target.netloc} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()
