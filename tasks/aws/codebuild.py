"""CodeBuild: a build is started, found again, followed and stopped; its files lie in S3."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.artifact.buildspec import NAME_VARIABLE, RESULT_VARIABLE, SOURCE_VARIABLE
from tiercel.domain.artifact.remote_builds import RemoteBuild, remote_build
from tiercel.domain.base.errors import InterruptedRunError
from tiercel.domain.base.limits import at_most
from tiercel.domain.organization.access import BuildProject
from tiercel.tasks.aws.clients import client, presigning_client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.pace import pause

_CHUNK = 1024 * 1024
_FOUND_AT_ONCE = 100
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS, _POLL_GROWTH = 0.5, 5.0, 1.3
_LATE_LINES_SECONDS = 1.0
_KEPT_LINES = 30
MAX_SHOWN_LINES = 5_000
"""What comes after is in CloudWatch: a log of Prefect is no place for a million lines."""


@dataclass(frozen=True)
class BuildFiles:
    """Where the source of one build lies and where its result will; no other build has these."""

    project: BuildProject
    name: str

    @property
    def source_key(self) -> str:
        """The key of the source."""
        return f"sources/{self.name}.tar.gz"

    @property
    def result_key(self) -> str:
        """The key of the result."""
        return f"results/{self.name}.tar.gz"

    def upload_source(self, path: Path) -> None:
        """Upload the source, encrypted with the bucket's own key."""
        where = f"s3://{self.project.bucket}/{self.source_key}"
        with translated("write an object", where), path.open("rb") as body:
            client("s3", self.project.access).put_object(
                Bucket=self.project.bucket, Key=self.source_key, Body=body
            )

    def addresses(self) -> dict[str, str]:
        """Return the one address to get the source and the one to put the result, for an hour."""
        with translated("sign an address", f"s3://{self.project.bucket}"):
            s3 = presigning_client(self.project.access)
            signed = {
                variable: s3.generate_presigned_url(
                    method,
                    Params={"Bucket": self.project.bucket, "Key": key},
                    ExpiresIn=3600,
                )
                for variable, method, key in (
                    (SOURCE_VARIABLE, "get_object", self.source_key),
                    (RESULT_VARIABLE, "put_object", self.result_key),
                )
            }
            s3.close()
            return signed

    def download_result(self, path: Path, limit: int) -> bool:
        """Download the result; False if there is none. RefusedInputError if it is longer."""
        where = f"s3://{self.project.bucket}/{self.result_key}"
        with translated("read an object", where):
            try:
                answer = client("s3", self.project.access).get_object(
                    Bucket=self.project.bucket, Key=self.result_key
                )
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return False
                raise
            at_most(answer["ContentLength"], limit, "bytes of a build's result", where)
            with path.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
            return True


def start_build(project: BuildProject, token: str, overrides: Mapping[str, Any]) -> RemoteBuild:
    """Start a build; the same token within five minutes gives the same build.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
    """
    with translated("start a build", f"CodeBuild project {project.name}"):
        answer = client("codebuild", project.access).start_build(
            projectName=project.name, idempotencyToken=token, **overrides
        )
        return remote_build(answer["build"])


def newest_builds(project: BuildProject) -> list[RemoteBuild]:
    """Return the newest builds of a project, the newest first: a hundred of them at most."""
    with translated("find a build", f"CodeBuild project {project.name}"):
        codebuild = client("codebuild", project.access)
        ids = codebuild.list_builds_for_project(projectName=project.name, sortOrder="DESCENDING")
        wanted = ids["ids"][:_FOUND_AT_ONCE]
        if not wanted:
            return []
        found = {one["id"]: one for one in codebuild.batch_get_builds(ids=wanted)["builds"]}
        return [remote_build(found[one]) for one in wanted if one in found]


@dataclass
class FollowedBuild:
    """A build that is under way: its lines are told as they come, the last ones are kept."""

    project: BuildProject
    build: RemoteBuild
    tell: Callable[[str], None]
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    _told: int = 0
    _token: str = ""

    def await_end(self) -> RemoteBuild:
        """Return the build when it has ended. It is stopped when the run is cancelled."""
        delay = _FIRST_POLL_SECONDS
        with self._stopped_if_cancelled():
            while not self.build.complete:
                pause(delay)
                delay = min(delay * _POLL_GROWTH, _LONGEST_POLL_SECONDS)
                self._look()
                self._tell_lines()
            pause(_LATE_LINES_SECONDS)
        self._tell_lines()
        return self.build

    @contextlib.contextmanager
    def _stopped_if_cancelled(self) -> Iterator[None]:
        try:
            yield
        except InterruptedRunError:
            if not self.build.complete:
                with translated("stop a build", f"CodeBuild build {self.build.id}"):
                    client("codebuild", self.project.access).stop_build(id=self.build.id)
            raise

    def _look(self) -> None:
        with translated("look at a build", f"CodeBuild build {self.build.id}"):
            answer = client("codebuild", self.project.access).batch_get_builds(ids=[self.build.id])
            self.build = remote_build(answer["builds"][0])

    def _tell_lines(self) -> None:
        for line in self._new_lines():
            self.last.append(line)
            self._told += 1
            if self._told <= MAX_SHOWN_LINES:
                self.tell(line)
            if self._told == MAX_SHOWN_LINES:
                self.tell(f"more in CloudWatch: {self.build.log_group}/{self.build.log_stream}")

    def _new_lines(self) -> Iterator[str]:
        """Yield what CloudWatch has that was not told yet; it may have no stream at first."""
        if not self.build.log_stream:
            return
        where = f"log group {self.build.log_group}"
        while True:
            more = {"nextToken": self._token} if self._token else {}
            with translated("read a log", where):
                try:
                    answer = client("logs", self.project.access).get_log_events(
                        logGroupName=self.build.log_group,
                        logStreamName=self.build.log_stream,
                        startFromHead=True,
                        **more,
                    )
                except ClientError as error:
                    if code_of(error) == "ResourceNotFoundException":
                        return
                    raise
            yield from (one["message"].rstrip("\n") for one in answer["events"])
            # At the end CloudWatch gives the token that it was given.
            if answer["nextForwardToken"] == self._token or not answer["events"]:
                self._token = answer["nextForwardToken"]
                return
            self._token = answer["nextForwardToken"]


def variables_of(name: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return environment variables as StartBuild takes them, the build's own name among them."""
    every = {NAME_VARIABLE: name, **values}
    return [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in every.items()]
