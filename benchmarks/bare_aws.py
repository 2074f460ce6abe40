"""The AWS part of the bare script: plain boto3, the same calls as the flows make."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from botocore.session import get_session

from tiercel.domain.organization.access import Access, deployer, orchestrator
from tiercel.domain.organization.names import Names, Role

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=32)
_POLL_SECONDS = 1.0
_RUN = "bare-script"
_DESCRIPTIONS = create_loader()
"""What botocore has read of AWS. A run of a worker need not read it again, so neither does this."""


@dataclass
class Accounts:
    """An environment's two accounts, entered by assuming the same roles as the flows."""

    names: Names
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @cached_property
    def infrastructure(self) -> boto3.Session:
        """A session as the orchestrator."""
        own = _session(self.names.environment.region)
        return _assumed(own, orchestrator(self.names, _RUN))

    @cached_property
    def runtime(self) -> boto3.Session:
        """A session as the deployer."""
        return _assumed(self.infrastructure, deployer(self.names, _RUN))

    def client(self, service: str, session: boto3.Session) -> Any:
        """Return the one client of a service and session; made before threads use it."""
        key = (service, str(id(session)))
        if key not in self._clients:
            self._clients[key] = session.client(service, config=_CONFIG)
        return self._clients[key]

    @property
    def artifacts(self) -> Any:
        """S3, as the orchestrator."""
        return self.client("s3", self.infrastructure)

    @property
    def keys(self) -> Any:
        """KMS, as the orchestrator."""
        return self.client("kms", self.infrastructure)

    @property
    def staging(self) -> Any:
        """S3, as the deployer."""
        return self.client("s3", self.runtime)

    @property
    def stacks(self) -> Any:
        """CloudFormation, as the deployer."""
        return self.client("cloudformation", self.runtime)

    @property
    def functions(self) -> Any:
        """Lambda, as the deployer."""
        return self.client("lambda", self.runtime)

    def who_asks(self) -> str:
        """Return the caller's ARN."""
        sts = _session(self.names.environment.region).client("sts")
        return str(sts.get_caller_identity()["Arn"])


@dataclass(frozen=True)
class Bundle:
    """A service's packages by key, and which of them is the template."""

    service: str
    tree: str
    template: str
    code: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all packages."""
        return tuple(key for key in (self.template, self.code) if key)

    @property
    def manifest(self) -> str:
        """The key of the manifest."""
        return f"manifests/{self.service}/{self.tree}.json"

    @property
    def provenance(self) -> str:
        """The key of what was signed."""
        return f"provenance/{self.service}/{self.tree}.json"


def package(folder: Path, service: str, tree: str) -> tuple[Bundle, dict[str, bytes]]:
    """Zip the code, point the template at it, and name both by their content."""
    template = json.loads((folder / "template.json").read_bytes())
    bodies: dict[str, bytes] = {}
    code = ""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            body = _zipped(folder / resource["Properties"]["CodeUri"])
            code = _key(body, "zip")
            bodies[code] = body
            resource["Properties"]["CodeUri"] = {"Bucket": {"Ref": "CodeBucket"}, "Key": code}
            resource["Properties"]["PermissionsBoundary"] = {"Ref": "Boundary"}
            template["Parameters"] |= {
                name: {"Type": "String"} for name in ("CodeBucket", "Boundary")
            }
    body = json.dumps(template).encode()
    key = _key(body, "template")
    bodies[key] = body
    return Bundle(service, tree, key, code), bodies


def read(s3: Any, bucket: str, key: str) -> bytes | None:
    """Return an object, None if there is none."""
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def upload(s3: Any, bucket: str, bodies: Mapping[str, bytes]) -> None:
    """Put the objects that are not there, side by side."""

    def one(key: str) -> None:
        if not _exists(s3, bucket, key):
            create(s3, bucket, key, bodies[key])

    _side_by_side(one, bodies)


def copy(source: Any, bucket: str, target: Any, to: str, keys: Iterable[str]) -> None:
    """Copy the objects that are not there, side by side, through this process."""

    def one(key: str) -> None:
        if not _exists(target, to, key):
            create(target, to, key, read(source, bucket, key) or b"")

    _side_by_side(one, keys)


def create(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Put an object that must not be there yet."""
    s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumAlgorithm="SHA256")


def sign(accounts: Accounts, bundle: Bundle) -> None:
    """Sign which packages belong together, and store that beside the manifest."""
    text = json.dumps(vars(bundle)).encode()
    signed = accounts.keys.sign(
        KeyId=accounts.names.signing_key_alias, Message=text, SigningAlgorithm="ECDSA_SHA_256"
    )
    body = json.dumps({"text": text.decode(), "signature": signed["Signature"].hex()}).encode()
    create(accounts.artifacts, accounts.names.artifact_bucket, bundle.provenance, body)


def read_signed(accounts: Accounts, bundle: Bundle) -> None:
    """Read what was signed."""
    read(accounts.artifacts, accounts.names.artifact_bucket, bundle.provenance)


def read_key(accounts: Accounts, names: Names) -> None:
    """Read the public key of an environment."""
    accounts.keys.get_public_key(KeyId=names.signing_key_arn)


def read_ledger(s3: Any, bucket: str, stack: str, newest: int) -> list[dict[str, Any]]:
    """Return the newest entries of a stack's history: what was wanted and what became of it."""
    listing = s3.list_objects_v2(Bucket=bucket, Prefix=f"bare/{stack}/")
    numbers = sorted({entry["Key"].split("/")[2] for entry in listing.get("Contents", ())})
    return _entries(s3, bucket, stack, numbers[-newest:])


def read_board(s3: Any, bucket: str, stacks: Sequence[str]) -> None:
    """Read the newest entry of each stack: what is live."""
    listing = s3.list_objects_v2(Bucket=bucket, Prefix="bare/").get("Contents", ())
    keys = [entry["Key"].split("/") for entry in listing]

    def newest(stack: str) -> list[dict[str, Any]]:
        number = max(key[2] for key in keys if key[1] == stack)
        return _entries(s3, bucket, stack, [number])

    _side_by_side(newest, stacks)


def _entries(s3: Any, bucket: str, stack: str, numbers: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for number in reversed(numbers):
        for part in ("intent", "outcome"):
            body = read(s3, bucket, f"bare/{stack}/{number}/{part}.json")
            found.append(json.loads(body or b"{}") | {"number": int(number)})
    return found


def deploy(
    accounts: Accounts, stack: str, bundle: Bundle, parameters: Mapping[str, str], token: str
) -> dict[str, Any]:
    """Create or update a stack by a change set, wait for it and return its description."""
    api, names = accounts.stacks, accounts.names
    api.create_change_set(
        StackName=stack,
        ChangeSetName=token,
        ChangeSetType="UPDATE" if describe(api, stack) else "CREATE",
        TemplateURL=names.object_url(names.staging_bucket, bundle.template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        RoleARN=names.role_arn(Role.CLOUDFORMATION),
        ClientToken=token,
        IncludeNestedStacks=True,
    )
    while True:
        plan = api.describe_change_set(StackName=stack, ChangeSetName=token)
        if plan["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    api.describe_events(ChangeSetName=plan["ChangeSetId"])
    api.execute_change_set(StackName=stack, ChangeSetName=token, ClientRequestToken=token)
    while True:
        found = describe(api, stack)
        if found is None:
            raise RuntimeError(f"{stack} has vanished")
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise RuntimeError(f"{stack} is {found['StackStatus']}")
    return found


def describe(api: Any, stack: str) -> dict[str, Any] | None:
    """Return a stack's description and read its events; None if there is no stack."""
    try:
        found: dict[str, Any] = api.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    api.describe_stack_events(StackName=stack)
    return found


def greets(accounts: Accounts, stack: str) -> bool:
    """Invoke the stack's function and tell whether it answers as it should."""
    detail = accounts.stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Function")[
        "StackResourceDetail"
    ]
    answer = accounts.functions.invoke(FunctionName=detail["PhysicalResourceId"], Payload=b"{}")
    return bool(json.loads(answer["Payload"].read())["greeting"] == "hello")


def _assumed(session: boto3.Session, access: Access) -> boto3.Session:
    request = {
        "RoleArn": access.role_arn,
        "RoleSessionName": access.source_identity,
        "SourceIdentity": access.source_identity,
    }
    if access.external_id:
        request["ExternalId"] = access.external_id
    keys = session.client("sts", config=_CONFIG).assume_role(**request)["Credentials"]
    return _session(
        access.region, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    )


def _session(region: str, *keys: str) -> boto3.Session:
    core = get_session()
    core.register_component("data_loader", _DESCRIPTIONS)
    return boto3.Session(*keys, region_name=region, botocore_session=core)


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def _side_by_side(action: Callable[[str], object], items: Iterable[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(action, items))


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.py")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _key(body: bytes, suffix: str) -> str:
    return f"packages/{hashlib.sha256(body).hexdigest()}.{suffix}"
