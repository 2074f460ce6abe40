"""Row: every status that CloudFormation gives a stack, crossed with every intent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs

import botocore.session

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published, queue_alone
from tests.chaos.strange_stacks import create_stack, review_stack
from tests.chaos.wire import Ask, operation_of
from tests.chaos.world import World
from tests.tasks.faults import Answer, Question, interceptor
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import deployer, destroyer
from tiercel.domain.release.ledger import Purpose
from tiercel.domain.stack.states import StackGoal, StackStatus, Step, decide
from tiercel.flows.rollback import roll_back
from tiercel.tasks.stack.stacks import delete_stack, observe_stack
from tiercel.tasks.stack.waiting.operation import wait_for_stack

_LOOKS = 3
_MOST_SECONDS = 60.0
_CREATE = ["CreateChangeSet CREATE", "ExecuteChangeSet"]
_UPDATE = ["CreateChangeSet UPDATE", "ExecuteChangeSet"]
_EXPECTED = {
    Step.CREATE: _CREATE,
    Step.UPDATE: _UPDATE,
    Step.WAIT: _UPDATE,
    Step.DELETE_FIRST: ["DeleteStack", *_CREATE],
    Step.ROLL_BACK_STACK: ["RollbackStack", *_UPDATE],
    Step.CONTINUE_ROLLBACK: ["ContinueUpdateRollback", *_UPDATE],
    Step.REFUSE: [],
}
_ENDS = {
    Step.CREATE: "CreateChangeSet",
    Step.DELETE: "DeleteStack",
    Step.DELETE_FIRST: "DeleteStack",
    Step.ROLL_BACK_STACK: "RollbackStack",
    Step.CONTINUE_ROLLBACK: "ContinueUpdateRollback",
}
# What docs/operate/worst-hour.md says of stacks that no other test brings into such a status.
_SAMPLED = (
    "UPDATE_ROLLBACK_FAILED, to deploy",
    "UPDATE_FAILED, to rollback",
    "CREATE_FAILED, to deploy",
    "IMPORT_ROLLBACK_FAILED, to deploy",
)
# RollbackStack after a first create leaves nothing but the stack itself.
_AND_THEN = {StackStatus.CREATE_FAILED: StackStatus.ROLLBACK_COMPLETE}


@dataclass
class Spell:
    """Lets a stack look as if it had a status, until what the table says is done about it.

    The sandbox cannot bring a stack into most of the statuses. So a proxy writes another one
    into its answers, and answers the two repairs itself, for which there is nothing to repair.
    """

    status: StackStatus
    step: Step
    lifted: bool = False
    looks: int = 0
    changes: list[str] = field(default_factory=list)
    too_early: list[str] = field(default_factory=list)

    def __call__(self, question: Question, ask: Ask) -> Answer | None:
        operation = operation_of(question)
        if operation.startswith(("Create", "Execute", "Delete", "Rollback", "Continue")):
            return self._changed(question, operation, ask)
        answer = ask()
        if operation != "DescribeStacks" or self.lifted:
            return answer
        if answer.status != HTTPStatus.OK:
            assert self.status is StackStatus.DELETE_COMPLETE
            return Answer(HTTPStatus.OK, answer.headers, _DELETED)
        self.looks += 1
        if self.step is Step.WAIT and self.looks == _LOOKS:
            self.lifted = True
        return answer.saying(_with_status(answer.body, self.status))

    def _changed(self, question: Question, operation: str, ask: Ask) -> Answer:
        kind = parse_qs(question.body.decode()).get("ChangeSetType", [""])[0]
        self.changes.append(f"{operation} {kind}".strip())
        if self.step is Step.WAIT and not self.lifted:
            self.too_early.append(operation)
        if not self.lifted and operation in (_ENDS.get(self.step), "ExecuteChangeSet"):
            self._go_on(operation)
            if operation in ("RollbackStack", "ContinueUpdateRollback"):
                return Answer(HTTPStatus.OK, (("content-type", "text/xml"),), _done(operation))
        return ask()

    def _go_on(self, operation: str) -> None:
        then = _AND_THEN.get(self.status) if operation == "RollbackStack" else None
        if then is None:
            self.lifted = True
        else:
            self.status, self.step = then, decide(then, StackGoal.DEPLOY, production=False).step


def _with_status(body: bytes, status: StackStatus) -> bytes:
    start, _, rest = body.partition(b"<StackStatus>")
    return start + b"<StackStatus>" + status.encode() + rest[rest.index(b"</StackStatus>") :]


_DELETED = b"""<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackId>arn:aws:cloudformation:eu-central-1:000000000000:stack/gone/1</StackId>
<StackName>gone</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>
<StackStatus>DELETE_COMPLETE</StackStatus>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


def _done(operation: str) -> bytes:
    return f"<{operation}Response><{operation}Result/></{operation}Response>".encode()


def statuses() -> list[StackStatus]:
    """All of AWS's; ValueError when there is one that the product does not know."""
    model = botocore.session.get_session().get_service_model("cloudformation")
    return [StackStatus(name) for name in model.shape_for("StackStatus").enum]


def _expected(status: StackStatus | None) -> list[str]:
    step = decide(status, StackGoal.DEPLOY, production=False).step
    then = _AND_THEN.get(status) if status else None
    if then is None:
        return _EXPECTED[step]
    return [*_EXPECTED[step][:1], *_EXPECTED[decide(then, StackGoal.DEPLOY, production=False).step]]


def _meets(versions: Versions, status: StackStatus | None, purpose: Purpose) -> None:
    """Deploy or roll back a stack that looks like this, and hold what is done to the table."""
    world, step = versions.world, decide(status, StackGoal.DEPLOY, production=False).step
    _begin(versions, step)
    if status is StackStatus.REVIEW_IN_PROGRESS:
        review_stack(world, versions.subject.stack)
    is_real = status in (None, StackStatus.REVIEW_IN_PROGRESS)
    spell = Spell(status or StackStatus.DELETE_COMPLETE, step, lifted=is_real)
    began = time.monotonic()
    with interceptor(spell) as url, world.through(url):
        if step is Step.REFUSE:
            _is_refused(versions, purpose)
        else:
            _act(versions, purpose)
    assert time.monotonic() - began < _MOST_SECONDS, "it took too long"
    assert spell.changes == _expected(status), spell.changes
    assert not spell.too_early, f"while the stack was at work: {spell.too_early}"


def _begin(versions: Versions, step: Step) -> None:
    """The first version is live, or there is no stack where one is to be created."""
    world, subject = versions.world, versions.subject
    run_flow(roll_back, Output(quiet=True), environment="preprod", stack=subject.stack, release=1)
    if step is Step.CREATE:
        world.delete_stack(subject.stack)


def _act(versions: Versions, purpose: Purpose) -> None:
    world, subject = versions.world, versions.subject
    if purpose is Purpose.DEPLOY:
        assert world.deploy(subject, versions.second)
    else:
        flow, quiet = roll_back, Output(quiet=True)
        run_flow(flow, quiet, environment="preprod", stack=subject.stack, release=2)


def _is_refused(versions: Versions, purpose: Purpose) -> None:
    try:
        _act(versions, purpose)
    except DeployFailedError as refusal:
        said = refusal
    else:
        raise AssertionError("it was not refused")
    assert "cannot be deployed as it is" in said.what
    assert said.why
    assert said.remedy


def _goes_away(world: World, status: StackStatus | None) -> None:
    """No flow deletes stacks yet: the table's steps are taken by the tasks themselves."""
    access, remover = deployer(world.names, "chaos"), destroyer(world.names, "chaos")
    name = world.names.stack("leaving")
    world.delete_stack(name)
    if status is not None and status is not StackStatus.DELETE_COMPLETE:
        create_stack(world, name)
    step = decide(status, StackGoal.DELETE, production=False).step
    spell = Spell(status or StackStatus.DELETE_COMPLETE, step, lifted=status is None)
    began = time.monotonic()
    with interceptor(spell) as url, world.through(url):
        while stack := observe_stack.fn(access, name):
            if decide(stack.status, StackGoal.DELETE, production=False).step is Step.DELETE:
                delete_stack.fn(remover, stack, "chaos")
            assert time.monotonic() - began < _MOST_SECONDS, "it does not go away"
            wait_for_stack.fn(access, stack.stack_id, "chaos")
    assert world.stack(name) is None
    assert not spell.too_early, f"while the stack was at work: {spell.too_early}"


def _cases(world: World, size: Size) -> Iterator[Case]:
    versions = published(world, "moody", queue_alone)
    versions.first_is_live()
    world.deploy(versions.subject, versions.second)
    known: list[StackStatus | None] = [None, *statuses()]
    cases = [
        Case(f"{status}, to {purpose}", partial(_meets, versions, status, purpose))
        for status in known
        for purpose in (Purpose.DEPLOY, Purpose.ROLLBACK)
    ]
    cases += [Case(f"{status}, to delete", partial(_goes_away, world, status)) for status in known]
    by_name = {case.name: case for case in cases}
    yield from cases if size.full else [by_name[name] for name in _SAMPLED]


ROW = Row(
    key="statuses",
    title="every stack status x intent",
    target="100 % as in the table, no hang",
    measured="The statuses are read from botocore's model, and no stack counts as one more. A "
    "proxy writes the status into CloudFormation's answers until the product does what the table "
    "in domain/stack/states.py says, or for a status in progress until it has looked three times. "
    "Deploys and rollbacks are whole flows, and exactly the table's calls have to be made, none "
    "while a stack is at work, within a minute. No flow deletes stacks yet: for that intent the "
    "tasks are driven by the table.",
    not_shown="How a real stack gets into such a status, and whether CloudFormation's own repair "
    "works. What production leaves to an administrator unit tests hold.",
    cases=_cases,
)
