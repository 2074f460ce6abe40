"""Row: planted secrets are looked for wherever something is written down."""

from __future__ import annotations

import io
import logging
import os
import re
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import files
from tests.chaos.wire import Ask, break_off, operation_of
from tests.chaos.world import Subject, World
from tests.support.templates import services
from tests.tasks.faults import Answer, Question, interceptor
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.base.errors import TiercelError
from tiercel.flows.rollback import roll_back

_OF_A_SESSION = re.compile(rb"<(SecretAccessKey|SessionToken)>([^<]+)<")
_PLANTED = ("CHAOS_TOKEN", "NPM_TOKEN", "PREFECT_API_KEY_OF_SOMEBODY")


class Eavesdropper:
    """Passes everything on and keeps the secrets of all sessions; every third answer breaks off."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self._answers = 0

    def __call__(self, question: Question, ask: Ask) -> Answer | None:
        if operation_of(question) != "AssumeRole":
            return ask()
        answer = ask()
        self.heard |= {secret.decode() for _, secret in _OF_A_SESSION.findall(answer.body)}
        self._answers += 1
        return break_off(question, lambda: answer) if self._answers % 3 == 1 else answer


class Memory(logging.Handler):
    """Every line that anybody logs in this process, with its traceback."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _life(world: World, subject: Subject) -> list[str]:
    """Build with a command that prints all it can see, fail, deploy, roll back; what was said."""
    said, commit = [], subject.repository.commit
    build = 'build = ["sh", "-c", "env; cat /proc/self/environ"]\n'
    bad = 'build = ["sh", "-c", "env; exit 3"]\n'
    good = files(subject.service, "well")
    test = f'[services.{subject.service}.smoke_test]\ninvoke = "Function"\n'
    for text, answer in ((bad, "bad"), (build, "one"), (build, "two"), (build, "three")):
        described = {"tiercel.toml": services(**{subject.service: text + test})}
        sha = commit(good | files(subject.service, answer) | described)
        try:
            world.publish(subject, sha)
            world.deploy(subject, sha)
        except TiercelError as error:
            said.append(str(error))
    with suppress(TiercelError):
        run_flow(roll_back, Output(quiet=True), environment="preprod", stack=subject.stack)
    broken = files(subject.service, "four") | {f"{subject.service}/template.json": "{}"}
    try:
        world.publish(subject, commit(broken | {"tiercel.toml": services(secretive="")}))
    except TiercelError as error:
        said.append(str(error))
    return said


@contextmanager
def _planted() -> Iterator[dict[str, str]]:
    """Secrets in the environment of the process, as a worker may have them."""
    planted = {name: f"chaos-{uuid.uuid4().hex}" for name in _PLANTED}
    os.environ.update(planted)
    try:
        yield planted
    finally:
        for name in planted:
            del os.environ[name]


def _database() -> bytes:
    url = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    path = Path("/" + url.rpartition("///")[2].lstrip("/"))
    return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))


def _objects(world: World, account: str, bucket: str) -> bytes:
    return b"\n".join(
        part
        for key in world.keys(account, bucket)
        for part in _unpacked(world.read(account, bucket, key))
    )


def _unpacked(body: bytes) -> Iterator[bytes]:
    yield body
    if zipfile.is_zipfile(io.BytesIO(body)):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _is_not_in(secret: str, place: bytes, control: str) -> None:
    """The control has to be found, or else nothing would ever be."""
    assert control.encode() in place, "the place does not even have what has to be there"
    for form in (secret, quote(secret, safe="")):
        assert form.encode() not in place, f"...{secret[-4:]} is there"


def _cases(world: World, size: Size) -> Iterator[Case]:
    subject, ear, memory = world.subject("secretive"), Eavesdropper(), Memory()
    logging.getLogger().addHandler(memory)
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    for logger in loggers:
        logger.addHandler(memory)
    try:
        with _planted() as planted, interceptor(ear) as url, world.through(url):
            said = _life(world, subject)
    finally:
        for logger in (logging.getLogger(), *loggers):
            logger.removeHandler(memory)
    secrets = planted | {"operator": world.operator_secret()}
    secrets |= {f"session {n}": secret for n, secret in enumerate(sorted(ear.heard), 1)}
    places: dict[str, Callable[[], bytes]] = {
        "logs": lambda: "\n".join([*memory.lines, *said]).encode("utf-8", "replace"),
        "Prefect's database": _database,
        "artifacts and ledger": lambda: _objects(
            world, "infrastructure", world.names.artifact_bucket
        ),
        "staged packages": lambda: _objects(world, "runtime", world.names.staging_bucket),
        "journal": world.sandbox.journal.read_bytes,
    }
    controls = {"staged packages": "def handler", "journal": "AssumeRole"}
    cases = []
    for where, read in places.items():
        content = read()
        control = controls.get(where, subject.service)
        cases += [
            Case(f"{name} in {where}", partial(_is_not_in, secret, content, control))
            for name, secret in secrets.items()
        ]
    yield from size.few(cases, len(cases))


ROW = Row(
    key="secrets",
    title="planted secrets searched in logs, artifacts, ledger, Prefect's database",
    target="0 found",
    measured="Secrets are put into the environment of the process; the operator's own key and the "
    "keys and tokens of every session are known because a proxy listens. Commits are built by a "
    "command that prints its environment, one of them fails while it does, and they are published, "
    "deployed and rolled back while answers of AssumeRole break off in the middle. Then every "
    "secret is looked for, as it is and quoted, in every line that was logged, in the files of "
    "Prefect's database, in every object of both buckets with zips unpacked, and in the journal. "
    "In each place something that has to be there is looked for as well.",
    not_shown="What a service's own code logs or prints once it runs, and values that people write "
    "into parameters in tiercel.toml: those are shown on purpose.",
    cases=_cases,
)
