"""Names and texts that mean harm appear as text wherever a job shows them, and run nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tiercel.cli.terminal.running.workflow import WorkflowJob, annotation, grouped
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError
from tiercel.domain.pages.following_page import FollowedRun, following_page
from tiercel.domain.pages.markdown import escaped
from tiercel.domain.release.release_document import release_document, released_in
from tiercel.domain.triggers.actions import Nothing
from tiercel.domain.triggers.triggered_runs import AttemptStatus, WantedRun
from tiercel.domain.triggers.webhooks import read_events

HOSTILE = {
    "shell": "`$(reboot)`; rm -rf / && id | sh",
    "a command of the runner": "::set-output name=result::evil",
    "one on a line of its own": "a\n::error::evil\n::add-mask::x",
    "one after a return": "a\r::stop-commands::x",
    "one that is encoded": "%0A::error::evil",
    "the end of an output": "x\nEOF\nresult=evil\nresult<<EOF\nevil",
    "Markdown": "[x](javascript:alert(1)) ![y](http://evil/z) # h | a | b |",
    "HTML": "<img src=x onerror=alert(1)><!-- </details>",
    "255 bytes": "\U0001f4a9" * 63 + "xyz",
    "bidirectional controls": "\u202egnp.exe\u2066x\u2069",
    "an expression": "${{ secrets.GITHUB_TOKEN }}",
    "nothing that is seen": "a\u200b\u0000b\u001b[31m",
}
texts = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
WHERE = ("branch", "title", "author", "commit", "label", "file")


def payload(where: str, text: str) -> dict[str, Any]:
    """A pull request in which one part means harm."""
    pull = {
        "number": 7,
        "title": text if where == "title" else "x",
        "user": {"login": text if where == "author" else "ada"},
        "labels": [{"name": text if where == "label" else "bug"}],
        "files": [text if where == "file" else "x"],
        "head": {"ref": text if where == "branch" else "x",
                 "sha": text if where == "commit" else "1" * 40},
        "base": {"ref": "develop", "sha": "2" * 40},
    }  # fmt: skip
    return {
        "action": "opened", "repository": {"full_name": "acme/shop"}, "pull_request": pull,
        "commits": [{"message": text}],
    }  # fmt: skip


def commands(shown: str) -> list[str]:
    """What the runner takes for commands: it looks at each line, without the white space."""
    return [line for line in re.split(r"[\r\n]", shown) if line.lstrip().startswith("::")]


def said_of(name: str, event: object) -> str:
    """The failure with which an event is refused, empty if it is read."""
    try:
        read_events(name, event)
    except RefusedInputError as error:
        return str(error)
    return ""


def is_text(markdown: str) -> bool:
    """Whether nothing foreign in it is markup: outside of code each sign has its backslash."""
    outside = re.sub(r"(`+).*?\1", "", markdown)
    hidden = re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00]", markdown)
    return not hidden and not re.search(r"(?<!\\)(<img|<!--|\]\(javascript)", outside)


@texts
@pytest.mark.parametrize("where", WHERE)
def test_a_part_of_a_payload_is_read_or_refused_without_being_repeated(
    where: str, text: str
) -> None:
    shown = said_of("pull_request_target", payload(where, text))
    assert text not in shown
    assert commands(shown) == []


@texts
def test_an_event_or_an_input_of_that_name_is_told_on_one_line(text: str) -> None:
    told = read_events(text, {})
    assert isinstance(told, Nothing)
    assert commands(told.reason) == []
    assert not re.search(r"[\r\n\x00-\x1f\u202a-\u202e\u2066-\u2069\u200b]", told.reason)
    assert is_text(escaped(told.reason))
    for name in ("action", "commit", "stack", "name", "purpose", "services", "environment"):
        inputs = {"action": "ephemeral-up", "commit": "x"} | {name: text}
        form = {"repository": {"full_name": "acme/shop"}, "inputs": inputs}
        assert commands(said_of("workflow_dispatch", form)) == []


@texts
def test_the_mark_of_a_failure_is_one_command_of_ours(text: str) -> None:
    line = annotation(BuildFailedError("test.build", text))
    assert line.startswith("::error title=Tiercel::")
    assert commands(line) == [line]
    message = line.removeprefix("::error title=Tiercel::")
    assert not re.search(r"%(?!25)", message)
    assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069\u200b]", message)


@texts
def test_a_group_has_its_title_on_its_line_and_lets_no_line_be_a_command(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with grouped(text):
        print(text)  # noqa: T201 - what a run says
    out, err = capsys.readouterr()
    group, stop, resume, end = err.splitlines()
    word = stop.removeprefix("::stop-commands::")
    assert word not in out
    assert (group[:9], resume, end) == ("::group::", f"::{word}::", "::endgroup::")


@texts
def test_an_output_is_what_it_was_and_no_other_is_set(text: str, tmp_path: Path) -> None:
    path = tmp_path / "outputs"
    job = WorkflowJob("push", tmp_path, "1", "", False, None, path)
    job.put(environment_url=text)
    name, _, rest = path.read_bytes().decode().partition("<<")
    end, _, rest = rest.partition("\n")
    assert (name, rest) == ("environment-url", f"{text}\n{end}\n")


@texts
def test_an_address_that_a_stack_gives_is_one_line(text: str) -> None:
    document = release_document({"acme-preprod-orders": 7}, text)
    assert not re.search(r"[\r\n\x00-\x1f]", document["address"])
    assert released_in(text) is None


@texts
def test_the_page_of_what_is_followed_shows_it_as_text(text: str) -> None:
    given = {"repository": text, "commit": text}
    wanted = WantedRun("publish-artifact/publish-artifact-preprod", "preprod", dict(given), ())
    page = following_page(
        "preprod", [FollowedRun(wanted, AttemptStatus.LIVE, False, "http://x")], [text], [text]
    )
    assert is_text(page)
    assert commands(page) == []
