"""The lifecycle as a bare script: what a careful engineer would write for one repository.

It fetches, lints, tests, packages, uploads, plans, executes, waits, invokes, records, tags and
reports with git, boto3 and PyGithub, in straight lines, and makes the same calls as the flows
do. It survives no kill, tries nothing again, checks no digest and explains no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks import bare_aws
from benchmarks.bare_aws import Accounts, Bundle
from benchmarks.bare_github import GithubPart
from benchmarks.project import Project
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology

_MARKER = "<!-- bare -->"


@dataclass
class BareScript:
    """One run of the script on a project; its mirror is kept between runs."""

    project: Project
    topology: Topology
    mirror: Path

    @cached_property
    def github(self) -> GithubPart:
        """The repository on GitHub."""
        return GithubPart(self.project.running, self.project.repository)

    @property
    def services(self) -> tuple[str, ...]:
        """The services, dependencies first."""
        return (self.project.queue, self.project.function)

    def verify(self, number: int, commit: str) -> None:
        """Lint and test what a pull request would bring, and say so."""
        pull = self.github.pull(number)
        self._fetch(f"refs/pull/{number}/merge:refs/pull/{number}/merge")
        self.github.set_status(commit, "tiercel", "pending", "verifying")
        ref = f"refs/pull/{number}/merge"
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self._check(Path(folder), ref, name), self.services))
        contexts = [*(f"tiercel/{name}" for name in self.services), "tiercel"]
        with ThreadPoolExecutor(len(contexts)) as pool:
            list(
                pool.map(
                    lambda context: self.github.set_status(commit, context, "success", "ok"),
                    contexts,
                )
            )
        self.github.comment(pull, _MARKER, f"Verified {commit}: {', '.join(self.services)}")

    def publish(self, commit: str) -> None:
        """Package both services and upload what the bucket does not have."""
        self._fetch("refs/heads/*:refs/heads/*")
        accounts = self._accounts("preprod")
        s3, bucket = accounts.artifacts, accounts.names.artifact_bucket
        bare_aws.read_key(accounts, accounts.names)
        trees = self._trees(commit)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: _find(accounts, name, trees[name]), self.services))

        def one(service: str) -> None:
            with tempfile.TemporaryDirectory() as folder:
                self._export(Path(folder), commit, service)
                bundle, bodies = bare_aws.package(Path(folder) / service, service, trees[service])
            bare_aws.upload(s3, bucket, bodies)
            bare_aws.sign(accounts, bundle)
            bare_aws.create(s3, bucket, bundle.manifest, json.dumps(vars(bundle)).encode())

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, self.services))
        self.github.pulls_of(commit)

    def deploy(self, commit: str) -> None:
        """Deploy both services to Preprod."""
        self._fetch("refs/heads/*:refs/heads/*")
        accounts = self._accounts("preprod")
        bare_aws.read_key(accounts, accounts.names)
        trees = self._trees(commit)
        accounts.artifacts  # noqa: B018 - made before threads share it
        with ThreadPoolExecutor(2) as pool:
            bundles = dict(
                zip(
                    self.services,
                    pool.map(lambda name: _find(accounts, name, trees[name]), self.services),
                    strict=True,
                )
            )
        self._deploy(accounts, commit, bundles)

    def promote(self, commit: str, version: str) -> None:
        """Pull both services into Prod, deploy them, tag and announce the version."""
        self._fetch("refs/heads/*:refs/heads/*")
        accounts, source = self._accounts("prod"), self._names("preprod")
        self.github.tags()
        self.github.pulls_of(commit)
        if self.project.changes > 1:  # there is an earlier version, which may want its back-merge
            self.github.open_pull("main", "develop")
        s3, trees = accounts.artifacts, self._trees(commit)
        for names in (accounts.names, source):
            bare_aws.read_key(accounts, names)

        def pulled(service: str) -> Bundle | None:
            releases = self.project.changes
            bare_aws.read_ledger(s3, source.artifact_bucket, source.stack(service), releases)
            _find(accounts, service, trees[service])
            body = bare_aws.read(s3, source.artifact_bucket, _manifest(service, trees[service]))
            bundle = Bundle(**json.loads(body or b"{}"))
            bucket = accounts.names.artifact_bucket
            bare_aws.read(s3, source.artifact_bucket, bundle.provenance)
            bare_aws.copy(s3, source.artifact_bucket, s3, bucket, bundle.keys)
            bare_aws.sign(accounts, bundle)
            bare_aws.create(s3, bucket, bundle.manifest, body or b"")
            return bundle

        with ThreadPoolExecutor(2) as pool:
            bundles = dict(zip(self.services, pool.map(pulled, self.services), strict=True))
        self._deploy(accounts, commit, bundles)
        self._announce(commit, version)

    def _announce(self, commit: str, version: str) -> None:
        tags = self.github.tags()
        self.github.tag(f"v{version}", commit)
        newest = max(tags, key=lambda tag: [int(n) for n in tag.name[1:].split(".")], default=None)
        since = f"^{newest.commit.sha}" if newest else f"^{commit}^1"
        commits = self._git("rev-list", commit, since).split()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.github.pulls_of, commits))
        self.github.release(f"v{version}", commit)
        self._git("merge-tree", "--write-tree", "refs/heads/develop", commit)

    def _deploy(
        self, accounts: Accounts, commit: str, bundles: Mapping[str, Bundle | None]
    ) -> None:
        asked_by, environment = accounts.who_asks(), accounts.names.environment.name
        deployment = self.github.open_deployment(commit, environment)
        self.github.report(deployment, "in_progress")
        outputs: dict[str, str] = {}
        for service in self.services:
            bundle = bundles[service]
            if bundle is None:
                raise RuntimeError(f"{service} is not published")
            outputs |= _deploy_one(accounts, bundle, outputs, asked_by)
        self.github.report(deployment, "success")
        self.github.pulls_of(commit)
        stacks = [accounts.names.stack(service) for service in self.services]
        bare_aws.read_board(accounts.artifacts, accounts.names.artifact_bucket, stacks)

    def _check(self, folder: Path, ref: str, service: str) -> None:
        """Package, lint and test as a pull request's verification does."""
        work = folder / service
        work.mkdir()
        self._export(work, ref, service)
        bare_aws.package(work / service, service, "")
        lint = Path(sys.executable).with_name("cfn-lint")
        template = work / service / "template.json"
        subprocess.run([str(lint), "--template", str(template)], check=True, capture_output=True)
        if service == self.project.function:
            subprocess.run(
                ["python3", "-m", "unittest"],  # noqa: S607 - what tiercel.toml says
                cwd=work / service,
                check=True,
                capture_output=True,
            )

    def _accounts(self, environment: str) -> Accounts:
        return Accounts(self._names(environment))

    def _names(self, environment: str) -> Names:
        return Names.of(self.topology, environment)

    def _fetch(self, refspec: str) -> None:
        if not self.mirror.exists():
            subprocess.run(
                ["git", "init", "--quiet", "--bare", str(self.mirror)],  # noqa: S607
                check=True,
            )
        header = f"http.extraheader=Authorization: Basic {self.github.basic_credentials}"
        self._git(
            "-c", header, "fetch", "--quiet", "--prune", "--no-tags",
            self.github.clone_url, f"+{refspec}",
        )  # fmt: skip

    def _trees(self, commit: str) -> dict[str, str]:
        return {name: self._git("rev-parse", f"{commit}:{name}").strip() for name in self.services}

    def _export(self, folder: Path, ref: str, service: str) -> None:
        archive = folder.with_suffix(f".{service}.tar")
        self._git("archive", f"--output={archive}", ref, service)
        subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)  # noqa: S607
        archive.unlink()

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", f"--git-dir={self.mirror}", *arguments],  # noqa: S607 - the user's own git
            check=True,
            capture_output=True,
            text=True,
        ).stdout


def _manifest(service: str, tree: str) -> str:
    return Bundle(service, tree, "").manifest


def _find(accounts: Accounts, service: str, tree: str) -> Bundle | None:
    """Return what is published of a source tree."""
    bucket = accounts.names.artifact_bucket
    body = bare_aws.read(accounts.artifacts, bucket, _manifest(service, tree))
    return Bundle(**json.loads(body)) if body else None


def _deploy_one(
    accounts: Accounts, bundle: Bundle, outputs: Mapping[str, str], asked_by: str
) -> dict[str, str]:
    """Stage, deploy, invoke and record one service; return its stack's outputs."""
    names, s3 = accounts.names, accounts.artifacts
    bare_aws.read_signed(accounts, bundle)
    stack, bucket = names.stack(bundle.service), names.artifact_bucket
    bare_aws.describe(accounts.stacks, stack)
    history = bare_aws.read_ledger(s3, bucket, stack, 1)
    number = max((entry["number"] for entry in history), default=0) + 1
    entry = f"bare/{stack}/{number:08d}"
    wish = {"stack": stack, "asked_by": asked_by, "bundle": vars(bundle)}
    bare_aws.create(s3, bucket, f"{entry}/intent.json", json.dumps(wish).encode())
    staging = accounts.staging
    bare_aws.copy(staging, bucket, staging, names.staging_bucket, bundle.keys)
    parameters = dict(outputs)
    if bundle.code:
        parameters |= {"CodeBucket": names.staging_bucket, "Boundary": names.boundary_arn}
    found = bare_aws.deploy(accounts, stack, bundle, parameters, f"release-{number}")
    if bundle.code and not bare_aws.greets(accounts, stack):
        raise RuntimeError(f"{stack} does not greet")
    bare_aws.create(s3, bucket, f"{entry}/outcome.json", json.dumps({"ok": True}).encode())
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
