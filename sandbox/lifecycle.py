"""Starts, finds and stops the sandbox: emulated AWS accounts, a GitHub stand-in, Prefect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tiercel.domain.organization.topology import Topology
from tiercel.sandbox.accounts.credentials import read_regions, read_user_keys, write_credentials
from tiercel.sandbox.accounts.templates import policy_folder
from tiercel.sandbox.aws.console.addresses import CONSOLE_PREFIX
from tiercel.sandbox.aws.launch import await_aws, root_secret, start_aws
from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.github.http.process import await_github, running_github, start_github
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.prefect_server import (
    api_url,
    await_prefect,
    client_environ,
    start_prefect,
)
from tiercel.sandbox.machine.processes import HOST
from tiercel.sandbox.machine.record import (
    Ports,
    SandboxRecord,
    exclusive,
    read_ports,
    read_record,
    write_record,
)

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: where its servers answer and where its files are.

    `regions` has the region of every profile in the credentials file.
    """

    state: Path
    aws_endpoint: str
    prefect_api_url: str | None
    github: RunningGithub | None
    latency_ms: int
    regions: dict[str, str]

    @property
    def prefect_ui_url(self) -> str | None:
        """The address for a browser; None when Prefect does not run."""
        return self.prefect_api_url.removesuffix("/api") if self.prefect_api_url else None

    @property
    def credentials_file(self) -> Path:
        """The AWS shared credentials file."""
        return Layout(self.state).credentials

    @property
    def journal(self) -> Path:
        """Every AWS call; see `tiercel.sandbox.aws.journal.read_journal`."""
        return Layout(self.state).journal

    def environ(self, profile: str) -> dict[str, str]:
        """Return the variables with which unmodified clients reach the sandbox.

        `profile` is an environment, for its operator, `ENVIRONMENT-approver`, or the root of one
        of its accounts: `ENVIRONMENT-infrastructure-root` or `ENVIRONMENT-runtime-root`. Raises
        KeyError when there is no such profile.
        """
        aws = {
            "AWS_ENDPOINT_URL": self.aws_endpoint,
            "TIERCEL_CONSOLE_URL": self.aws_endpoint + CONSOLE_PREFIX,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_CONFIG_FILE": str(Layout(self.state).config),
            "AWS_PROFILE": profile,
            "AWS_REGION": self.regions[profile],
            "AWS_DEFAULT_REGION": self.regions[profile],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        prefect = client_environ(self.prefect_api_url) if self.prefect_api_url else {}
        return aws | prefect | self._github_environ()

    def _github_environ(self) -> dict[str, str]:
        """Tiercel speaks to GitHub as the bot; without the stand-in, git reads files."""
        if self.github is None:
            return {"GITHUB_SERVER_URL": (self.state / "repositories").as_uri()}
        return {
            "GITHUB_SERVER_URL": self.github.server_url,
            "GITHUB_API_URL": self.github.api_url,
            "GITHUB_TOKEN": self.github.token("bot"),
        }


def up(  # noqa: PLR0913 - what to start, and where
    state: Path,
    topology: Topology,
    *,
    latency_ms: int = 0,
    stack_seconds: float = 0,
    prefect: bool = True,
    github: bool = True,
    ports: Ports = Ports(),  # noqa: B008 - it is immutable
    report: Announce = lambda _: None,
) -> Sandbox:
    """Start what does not run yet, create what the accounts lack, and return the sandbox.

    Every AWS call but those of roots takes `latency_ms` longer, every creation and update of
    a stack `stack_seconds`. Whatever already runs in this state folder is kept, with the latency
    that it has; two calls at once start one sandbox. `report` is told what is being waited for.
    Raises TiercelError when something cannot be started; then all that this call started is ended.
    """
    layout = Layout(state.absolute())
    layout.create()
    with exclusive(layout, report):
        found = read_record(layout).running()
        if found.aws is None:
            processes.stop(processes.orphans(layout.temporary))
        elif found.latency_ms != latency_ms:
            report(f"AWS already runs, with a latency of {found.latency_ms} ms")
        record = found
        try:
            if record.aws is None:
                record = _with_aws(record, layout, topology, ports.aws, latency_ms, stack_seconds)
            if prefect and record.prefect is None:
                record = _with_prefect(record, layout, ports.prefect)
            if github and record.github is None:
                record = _with_github(record, layout, ports.github)
            record = _ready(record, layout, topology, report)
        except BaseException:
            fresh = [server for server in record.servers() if server not in found.servers()]
            processes.stop([server.process for server in fresh])
            write_record(layout, found)
            raise
        return _sandbox(layout, record)


def down(state: Path) -> bool:
    """Stop exactly the processes that `up` started; return whether any still ran.

    What the accounts hold is kept for the next `up` in the same folder.
    """
    layout = Layout(state.absolute())
    if not layout.root.is_dir():
        return False
    with exclusive(layout, lambda _: None):
        record = read_record(layout).running()
        stopped = processes.stop([server.process for server in record.servers()])
        processes.stop(processes.orphans(layout.temporary))
        layout.record.unlink(missing_ok=True)
    return stopped > 0


def status(state: Path) -> Sandbox | None:
    """Return the sandbox that runs in a state folder; None when its AWS does not run."""
    layout = Layout(state.absolute())
    record = read_record(layout).running()
    return _sandbox(layout, record) if record.aws else None


def _with_aws(
    record: SandboxRecord,
    layout: Layout,
    topology: Topology,
    port: int,
    latency_ms: int,
    stack_seconds: float,
) -> SandboxRecord:
    region = next(iter(topology.environments.values())).region
    port = port or processes.free_port(read_ports(layout).aws)
    server = start_aws(layout, port, region, latency_ms=latency_ms, stack_seconds=stack_seconds)
    record = replace(record, aws=server, latency_ms=latency_ms, seeded="")
    write_record(layout, record)
    return record


def _with_prefect(record: SandboxRecord, layout: Layout, port: int) -> SandboxRecord:
    port = port or processes.free_port(read_ports(layout).prefect)
    record = replace(record, prefect=start_prefect(layout, port))
    write_record(layout, record)
    return record


def _with_github(record: SandboxRecord, layout: Layout, port: int) -> SandboxRecord:
    port = port or processes.free_port(read_ports(layout).github)
    record = replace(record, github=start_github(layout, port))
    write_record(layout, record)
    return record


def _ready(
    record: SandboxRecord, layout: Layout, topology: Topology, report: Announce
) -> SandboxRecord:
    """Wait for the servers; Prefect goes on starting while the accounts are filled."""
    if record.aws:
        await_aws(layout, record.aws, report)
        record = _seeded(record, layout, topology, report)
    if record.github:
        await_github(layout, record.github, report)
    if record.prefect:
        await_prefect(layout, record.prefect, report)
    return record


def _seeded(
    record: SandboxRecord, layout: Layout, topology: Topology, report: Announce
) -> SandboxRecord:
    fingerprint = _fingerprint(topology)
    if record.seeded == fingerprint or record.aws is None:
        return record
    report(f"filling {2 * len(topology.environments)} accounts")
    from tiercel.sandbox.accounts.filling import seed_accounts  # noqa: PLC0415 - a look needs none

    endpoint = f"http://{HOST}:{record.aws.port}"
    secret = root_secret(layout)
    users = seed_accounts(topology, endpoint, secret, read_user_keys(layout, topology))
    write_credentials(layout, topology, users, secret)
    record = replace(record, seeded=fingerprint)
    write_record(layout, record)
    return record


def _fingerprint(topology: Topology) -> str:
    """Return a hash of everything that decides what the accounts hold."""
    digest = hashlib.sha256(topology.model_dump_json(exclude={"services", "builds"}).encode())
    for path in sorted(policy_folder().glob("*.json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sandbox(layout: Layout, record: SandboxRecord) -> Sandbox:
    if record.aws is None:
        raise ValueError("a sandbox without AWS")
    return Sandbox(
        state=layout.root,
        aws_endpoint=f"http://{HOST}:{record.aws.port}",
        prefect_api_url=api_url(record.prefect.port) if record.prefect else None,
        github=running_github(layout, record.github) if record.github else None,
        latency_ms=record.latency_ms,
        regions=read_regions(layout),
    )
