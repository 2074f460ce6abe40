"""A promotion of two services that waits for one approver's word, as the rows of it make one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.world import Subject, World
from tests.support.approvals import APPROVERS, GATES, sign
from tests.support.repositories import Repository
from tests.support.templates import services, template
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.approvals.waiting import OpenWait, wait_prefix
from tiercel.domain.base.errors import WaitingError
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.promote import promote_to_prod
from tiercel.tasks.records.promotion_plans import read_open_wait
from tiercel.tasks.source.topology_file import read_topology

_ACCOUNTS = {"infrastructure": "artifact_bucket", "runtime": "staging_bucket"}
_GIVEN_ONCE = ("approvals/offered/", "approvals/words/")
"""Their keys have a signature, or when it was made, in them."""
_QUIET = Output(quiet=True)


def production(world: World, *, demanding: bool) -> World:
    """Prod of the same sandbox, whose worker's file demands one approval or none."""
    topology = read_topology(world.config)
    changed = (GATES, APPROVERS) if demanding else ()
    return replace(world, names=Names.of(topology, "prod"), changed=changed, _roots={})


def two_services(first: str, second: str, version: int) -> dict[str, str]:
    """Of two services the second one's parameter is an output of the first."""
    label = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {
            "Type": "String",
            "Value": {"Fn::Sub": f"${{FirstName}} {version}"},
        },
    }
    return {
        "tiercel.toml": services(**{first: "", second: f'depends_on = ["{first}"]\n'}),
        f"{first}/template.json": template(
            {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": version}}},
            Outputs={"FirstName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
        ),
        f"{second}/template.json": template(
            {"Label": label}, Parameters={"FirstName": {"Type": "String"}}
        ),
    }


@dataclass
class Promoted:
    """Two services of one repository, of which Preprod has verified one version or more.

    `home` is Preprod, where this process works else; `there` what Prod's buckets had before.
    """

    home: World
    open: World
    """Prod as if nobody's word were demanded."""
    gated: World
    repository: Repository
    subjects: tuple[Subject, ...]
    commits: tuple[str, ...]
    there: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def verified(cls, home: World, name: str, versions: int) -> Promoted:
        """Release so many versions to Preprod."""
        open_, gated = (production(home, demanding=one) for one in (False, True))
        repository = home.maker.make(name)
        pair = [f"{name}-a", f"{name}-b"]
        subjects = tuple(Subject(one, gated.names.stack(one), repository) for one in pair)
        commits = []
        for version in range(1, versions + 1):
            commit = repository.commit(two_services(pair[0], pair[1], version))
            home.publish(subjects[0], commit)
            run_flow(deploy_to_preprod, _QUIET, repository=repository.name, commit=commit)
            commits.append(commit)
        repository.merge_into_main()
        made = cls(home, open_, gated, repository, subjects, tuple(commits))
        made.there = made.objects()
        return made

    def objects(self) -> dict[str, set[str]]:
        names = self.gated.names
        return {
            account: set(self.gated.keys(account, getattr(names, bucket)))
            for account, bucket in _ACCOUNTS.items()
        }

    # What a case begins with

    def nothing_is_live(self) -> None:
        """Remove both stacks and every object that Prod has got since."""
        for subject in reversed(self.subjects):
            stacks = self.gated.root("runtime", "cloudformation")
            if self.gated.stack(subject.stack):
                stacks.update_termination_protection(
                    StackName=subject.stack, EnableTerminationProtection=False
                )
            self.gated.delete_stack(subject.stack)
        for account, bucket in _ACCOUNTS.items():
            for key in self.objects()[account] - self.there[account]:
                name = getattr(self.gated.names, bucket)
                self.gated.root(account, "s3").delete_object(Bucket=name, Key=key)

    def begin(self, live: int) -> None:
        """Bring Prod to where it has released so many versions, without anybody's word."""
        self.nothing_is_live()
        self.open.work()
        for commit in self.commits[:live]:
            self._promote(commit)

    # What people and runs do

    @property
    def wanted(self) -> Mapping[str, str]:
        return {"repository": self.repository.name, "commit": self.commits[-1]}

    def waits(self, proxy: str = "") -> OpenWait:
        """Let a run of the newest version end where it waits; return what waits."""
        self.gated.work(proxy)
        try:
            self._promote(self.commits[-1])
        except WaitingError:
            pass
        else:
            raise AssertionError("it did not wait for anybody's word")
        found = self.waiting()
        assert found
        return found

    def waiting(self) -> OpenWait | None:
        self.gated.work()
        return read_open_wait.fn(self._records(), self.repository.name)

    def approve(self, digest: str) -> None:
        """Sign a word as the sandbox's approver, and hand it over."""
        self.gated.work()
        sign(self.gated.names, digest)

    def go_on(self, proxy: str = "") -> None:
        self.gated.work(proxy)
        self._promote(self.commits[-1])

    def _promote(self, commit: str) -> None:
        run_flow(promote_to_prod, _QUIET, repository=self.repository.name, commit=commit)

    def _records(self) -> Records:
        names = self.gated.names
        return Records(orchestrator(names, "chaos"), names.artifact_bucket)

    # What is compared

    def state(self) -> dict[str, Any]:
        """All that a promotion leaves in Prod's accounts, but for signatures and times."""
        new = self.objects()["infrastructure"] - self.there["infrastructure"]
        counted = [key for key in new if not key.startswith(_GIVEN_ONCE)]
        return {
            **{one.stack: self.gated.state(one) for one in self.subjects},
            "operations": [self.gated.operations(one) for one in self.subjects],
            "objects": sorted(counted),
            "waited": self._waited(new),
            "words": sum(key.startswith("approvals/words/") for key in new),
            "left": self.left(),
        }

    def _waited(self, keys: Iterable[str]) -> list[Any]:
        """Every wait that was recorded: for which plan, and how it ended."""
        prefix, bucket = wait_prefix(self.repository.name), self.gated.names.artifact_bucket
        found = sorted(key for key in keys if key.startswith(prefix))
        records = [json.loads(self.gated.read("infrastructure", bucket, key)) for key in found]
        return [
            (key.removeprefix(prefix), one.get("plan_digest"), one.get("how"))
            for key, one in zip(found, records, strict=True)
        ]

    def left(self) -> list[str]:
        """Stacks in review, and change sets that nobody has executed."""
        stacks = self.gated.root("runtime", "cloudformation")
        review = stacks.list_stacks(StackStatusFilter=["REVIEW_IN_PROGRESS"])["StackSummaries"]
        sets = [
            one
            for subject in self.subjects
            if self.gated.stack(subject.stack)
            for one in stacks.list_change_sets(StackName=subject.stack)["Summaries"]
        ]
        return [
            *(one["StackName"] for one in review),
            *(one["ChangeSetName"] for one in sets if one["ExecutionStatus"] == "AVAILABLE"),
        ]
