"""A job of a GitHub workflow, as the command finds it: its event, and where it shows results.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables and, for commands in
lines, https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiercel.cli.terminal.output import Output
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.text import printable
from tiercel.domain.review.annotations import Annotation
from tiercel.domain.triggers.webhooks import LARGEST_EVENT_BYTES

_LONGEST_TITLE = 100
_LONGEST_ANNOTATION = 1_000
_LARGEST_SUMMARY = 900_000
"""GitHub drops a step's summary of more than 1 MiB whole."""


@dataclass(frozen=True)
class WorkflowJob:
    """What the job's variables say. `is_repeated` is true if a person ran the job again."""

    event_name: str
    event_path: Path
    run_id: str
    commit: str
    is_repeated: bool
    summary: Path | None
    outputs: Path | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> WorkflowJob:
        """Return the job of these variables; RefusedInputError if they are no job's."""
        missing = [
            name for name in ("GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH") if not environ.get(name)
        ]
        if missing:
            raise _no_event(missing[0], "it is not set")
        return cls(
            event_name=environ["GITHUB_EVENT_NAME"],
            event_path=Path(environ["GITHUB_EVENT_PATH"]),
            run_id=environ.get("GITHUB_RUN_ID", ""),
            commit=environ.get("GITHUB_SHA", ""),
            is_repeated=environ.get("GITHUB_RUN_ATTEMPT", "1") != "1",
            summary=_file(environ, "GITHUB_STEP_SUMMARY"),
            outputs=_file(environ, "GITHUB_OUTPUT"),
        )

    def payload(self) -> Any:
        """Return the event's payload; RefusedInputError if it cannot be read as JSON."""
        try:
            size = self.event_path.stat().st_size
            if size > LARGEST_EVENT_BYTES:
                raise _no_event("GITHUB_EVENT_PATH", f"the file has {size} bytes")
            return json.loads(self.event_path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise _no_event("GITHUB_EVENT_PATH", f"{type(error).__name__}: {error}") from None

    def summarize(self, markdown: str) -> None:
        """Add a part to what GitHub shows of the step: Markdown whose foreign text is escaped."""
        if self.summary:
            with self.summary.open("a", encoding="utf-8") as file:
                file.write(markdown[:_LARGEST_SUMMARY] + "\n")

    def put(self, **outputs: str) -> None:
        """Give outputs to later steps; a value of several lines cannot end itself."""
        if not self.outputs:
            return
        with self.outputs.open("a", encoding="utf-8") as file:
            for name, value in outputs.items():
                end = f"end-{secrets.token_hex(16)}"
                file.write(f"{name.replace('_', '-')}<<{end}\n{value}\n{end}\n")


@contextmanager
def grouped(title: str) -> Iterator[None]:
    """Fold the lines that follow into one group, in which no line is a command to the runner.

    What runs say comes from repositories: without this, a line could set a variable of the job or
    mark a file. https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
    """
    word = secrets.token_hex(16)
    _say(f"::group::{printable(title, _LONGEST_TITLE)}", f"::stop-commands::{word}")
    try:
        yield
    finally:
        _say(f"::{word}::", "::endgroup::")


def annotation(error: TiercelError) -> str:
    """Return the line by which the runner marks the job with a failure.

    Whatever the failure quotes stays text: one line without anything that reorders it, and `%`
    escaped, by which the runner would read other letters.
    """
    what = printable(f"{error.what} ({error.code})", _LONGEST_ANNOTATION)
    return f"::error title=Tiercel::{_data(what)}"


def tell_failure(output: Output, error: TiercelError) -> None:
    """Show a failure where no line of it is a command to the runner, and mark the job with it."""
    with grouped("What failed, and what to do"):
        output.error(error)
    _say(annotation(error))


def join_streams(environ: Mapping[str, str]) -> None:
    """Let all that a job's step says take one way, so that its lines stay in their order.

    The runner reads standard output and standard error each for itself: a page on the one could
    overtake the word on the other that lets lines be commands again.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.flush()
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())


def annotate(annotations: Iterable[Annotation]) -> None:
    """Mark what is wrong at lines of files; outside of a group, where lines are commands.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
    """
    for one in annotations:
        where = f"file={_property(one.file)},line={one.line}"
        _say(f"::error {where}::{_data(one.message)}")


def _data(text: str) -> str:
    """Return a text as the runner reads it back: it ends at the line, and `%` begins an escape."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _say(*lines: str) -> None:
    """Standard error, where the progress goes: so the order of lines is kept."""
    sys.stdout.flush()
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    path = environ.get(name)
    return Path(path) if path else None


def _no_event(where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "event.not_there",
        "there is no event to act on",
        where=where,
        why=why,
        state="nothing was called",
        remedy="run this in a job of a GitHub workflow; elsewhere start the flow by its own "
        "command, see `tiercel --help`",
    )
