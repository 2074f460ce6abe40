"""Where chaos happens: a sandbox, a Prefect server, and a service that is deployed again and again.

A service is published once. Between two cases its stack, ledger, lease and staged packages are
removed, as nobody but a test may: so the states that two cases end in can be compared to the byte.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.aws import root_client
from tests.support.commands import ROOT
from tests.support.repositories import Repository, RepositoryMaker
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.names import Names
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Released
from tiercel.sandbox.aws.journal import JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.clients import forget_clients

LEASE_SECONDS = 3
_OF_THE_RUN = ("at", "flow_run", "flow_run_url", "seconds", "durations", "stack_id")
# A release that is taken up after its change set was executed knows nothing of its plan.
_OF_THE_PLAN = ("plan_digest", "change_set")


@dataclass(frozen=True)
class Subject:
    """A service in a repository of its own, and the commits of it that are published."""

    service: str
    stack: str
    repository: Repository

    @property
    def name(self) -> str:
        return self.repository.name


@dataclass
class World:
    """The sandbox as an environment's operator sees it. `server` is the address of Prefect's API.

    Its worker's file is the sandbox's, with what `changed` puts in place of what is there.
    """

    sandbox: Sandbox
    names: Names
    maker: RepositoryMaker
    server: str
    changed: tuple[tuple[str, str], ...] = ()
    _roots: dict[tuple[str, str], Any] = field(default_factory=dict)

    def environment(self, proxy: str = "") -> dict[str, str]:
        """What a process needs to work here, its calls of AWS through a proxy if one is given."""
        aws = self.sandbox.environ(self.names.environment.name)
        given = {name: value for name, value in aws.items() if not name.startswith("GITHUB_")}
        return given | {
            "GITHUB_SERVER_URL": (self.sandbox.state / "repositories").as_uri(),
            "TIERCEL_CACHE_DIR": str(self.sandbox.state / "cache"),
            "TIERCEL_CONFIG": str(self.config),
            "http_proxy": proxy,
            "no_proxy": urlsplit(self.server).netloc,
        }

    @property
    def config(self) -> Path:
        """A configuration with which a killed run keeps others waiting for three seconds."""
        kind = sha256_hex(repr(self.changed).encode())[:8]
        path = self.sandbox.state / f"impatient-{kind}.toml"
        if not path.exists():
            usual = (ROOT / "tiercel.toml").read_text()
            text, count = re.subn(r"(?m)^seconds = \d+$", f"seconds = {LEASE_SECONDS}", usual)
            assert count == 1
            for before, after in self.changed:
                assert text.count(before) == 1, before
                text = text.replace(before, after)
            path.write_text(text)
        return path

    @contextmanager
    def through(self, proxy: str) -> Iterator[None]:
        """Inside, all calls that this process makes of AWS pass through a proxy."""
        self.work(proxy)
        try:
            yield
        finally:
            self.work()

    def work(self, proxy: str = "") -> None:
        """Point this process at the sandbox, as if it were new."""
        os.environ.pop("GITHUB_TOKEN", None)
        os.environ.update(self.environment(proxy))
        forget_clients()

    def root(self, account: str, service: str) -> Any:
        """A client that may do everything in `infrastructure` or `runtime`."""
        key = (account, service)
        if key not in self._roots:
            profile = f"{self.names.environment.name}-{account}-root"
            self._roots[key] = root_client(self.sandbox, profile, service)
        return self._roots[key]

    def operator_secret(self) -> str:
        """The secret key with which this process asks for its first session."""
        profiles = configparser.ConfigParser()
        profiles.read(self.sandbox.credentials_file)
        return profiles[self.names.environment.name]["aws_secret_access_key"]

    def subject(self, service: str) -> Subject:
        return Subject(service, self.names.stack(service), self.maker.make(service))

    def publish(self, subject: Subject, commit: str) -> None:
        run_flow(
            publish_artifact,
            Output(quiet=True),
            repository=subject.name,
            commit=commit,
            then_deploy=False,
        )

    def deploy(self, subject: Subject, commit: str) -> Released | None:
        """Deploy in this process; None if the commit is superseded."""
        done = run_flow(
            deploy_to_preprod, Output(quiet=True), repository=subject.name, commit=commit
        )
        return done.result.get(subject.service)

    # What a case leaves behind, and how it is removed

    def reset(self, subject: Subject) -> None:
        """Remove the stack, its ledger, its lease and everything that is staged."""
        self.delete_stack(subject.stack)
        bucket = self.names.artifact_bucket
        self._empty("infrastructure", bucket, f"ledger/{subject.stack}/")
        self._empty("infrastructure", bucket, f"leases/{subject.stack}.json")
        self._empty("runtime", self.names.staging_bucket, "packages/")

    def delete_stack(self, stack: str) -> None:
        stacks = self.root("runtime", "cloudformation")
        if self.stack(stack) is None:
            return
        stacks.delete_stack(StackName=stack)
        stacks.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200}
        )

    def _empty(self, account: str, bucket: str, prefix: str) -> None:
        for key in self.keys(account, bucket, prefix):
            self.root(account, "s3").delete_object(Bucket=bucket, Key=key)

    def keys(self, account: str, bucket: str, prefix: str = "") -> list[str]:
        pages = self.root(account, "s3").get_paginator("list_objects_v2")
        return [
            entry["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for entry in page.get("Contents", ())
        ]

    def read(self, account: str, bucket: str, key: str) -> bytes:
        return bytes(self.root(account, "s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def stack(self, name: str) -> dict[str, Any] | None:
        stacks = self.root("runtime", "cloudformation")
        try:
            found: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
        except stacks.exceptions.ClientError:
            return None
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    # What is compared

    def ledger(self, subject: Subject) -> dict[str, Any]:
        """The entries of a stack by key, without what differs from one run to the next."""
        bucket, entries = self.names.artifact_bucket, {}
        for key in self.keys("infrastructure", bucket, f"ledger/{subject.stack}/"):
            entry = json.loads(self.read("infrastructure", bucket, key))
            entries[key] = {
                name: value
                for name, value in entry.items()
                if name not in (*_OF_THE_RUN, *_OF_THE_PLAN)
            }
        return entries

    def state(self, subject: Subject) -> dict[str, Any]:
        """Everything that a deploy leaves: ledger, stack, resources, aliases, staged packages."""
        stack = self.stack(subject.stack)
        assert stack, f"there is no stack {subject.stack}"
        stacks = self.root("runtime", "cloudformation")
        resources = stacks.describe_stack_resources(StackName=subject.stack)["StackResources"]
        staging = self.names.staging_bucket
        return {
            "ledger": self.ledger(subject),
            "status": stack["StackStatus"],
            "outputs": sorted((o["OutputKey"], o["OutputValue"]) for o in stack.get("Outputs", ())),
            "template": stacks.get_template(StackName=subject.stack)["TemplateBody"],
            "resources": sorted((r["LogicalResourceId"], r["ResourceType"]) for r in resources),
            "aliases": self._aliases(resources),
            "staged": {
                key: hashlib.sha256(self.read("runtime", staging, key)).hexdigest()
                for key in self.keys("runtime", staging)
            },
        }

    def _aliases(self, resources: list[dict[str, Any]]) -> list[tuple[str, str]]:
        functions = [
            r["PhysicalResourceId"]
            for r in resources
            if r["ResourceType"] == "AWS::Lambda::Function"
        ]
        lambdas = self.root("runtime", "lambda")
        return [
            (alias["Name"], alias["FunctionVersion"])
            for function in functions
            for alias in lambdas.list_aliases(FunctionName=function)["Aliases"]
        ]

    def operations(self, subject: Subject) -> list[str]:
        """The tokens of the operations on the stack, the oldest first, each once."""
        stacks = self.root("runtime", "cloudformation")
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=subject.stack)
        events = [event for page in pages for event in page["StackEvents"]]
        tokens = [e.get("ClientRequestToken", "") for e in reversed(events)]
        return [
            token
            for token, event in zip(tokens, reversed(events), strict=True)
            if event["PhysicalResourceId"] == event["StackId"]
            and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
        ]

    def mark(self) -> int:
        return journal_size(self.sandbox.journal)

    def calls(self, since: int) -> list[JournalEntry]:
        return list(read_journal(self.sandbox.journal, since))


def digest(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True, default=str).encode()).hexdigest()


def difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What differs, for a person."""
    return "\n".join(
        f"{key}: {found.get(key)!r} instead of {wanted.get(key)!r}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    )
