"""Findings as a job of a workflow marks them beside the code."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.cli.terminal.running.workflow import annotate
from tiercel.domain.organization.parts import ServiceName
from tiercel.domain.review.annotations import Annotation, annotations_in
from tiercel.domain.review.check_runs import findings_check
from tiercel.domain.review.statuses import StatusState, placed, status_of

SERVICE_NAME = get_args(ServiceName)[1].pattern


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("inbox/template.json:3: Resources.A: is odd", ("inbox/template.json", 3)),
        ("   a b/template.yaml:12: E3002 wrong", ("a b/template.yaml", 12)),
        ("  why: inbox/template.json:7: E3002 wrong", ("inbox/template.json", 7)),
        ("/etc/passwd.txt:1: x", None),
        ("../template.yaml:1: x", None),
        ("a/../../template.yaml:1: x", None),
        ("template.yaml:0: x", None),
        ("template.yaml:?: x", None),
        ("template.yaml:1:", None),
        ("12:30:01: it began", None),
        ("https://a.example:443: x", None),
        ("", None),
    ],
)
def test_a_finding_names_a_file_of_the_repository_and_a_line(
    line: str, found: tuple[str, int] | None
) -> None:
    assert [(one.file, one.line) for one in annotations_in([line])] == ([found] if found else [])


def test_each_is_told_once_and_no_more_than_github_shows() -> None:
    lines = [f"a.yaml:{number}: x" for number in range(1, 30)]
    assert len(annotations_in([*lines, *lines])) == 10
    assert len(annotations_in(["a.yaml:1: x"] * 5)) == 1


hostile = st.text(max_size=60) | st.sampled_from(
    ["a\n::set-output name=x::y", "a\r\n::error::b", "%0A::stop-commands::x", "a,line=9::b", "a:b"]
)


@given(hostile, hostile)
def test_no_text_is_a_command_of_its_own(file: str, message: str) -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tiercel.cli.terminal.running.workflow._say", lambda *lines: said.extend(lines)
        )
        annotate([Annotation(file=file, line=7, message=message)])
    (line,) = said
    head, _, rest = line.removeprefix("::error ").partition("::")
    assert "\n" not in line
    assert "\r" not in line
    assert head.count(",") == 1
    assert head.endswith(",line=7")
    assert rest.count("%") == rest.count("%25") + rest.count("%0D") + rest.count("%0A")


def test_a_check_run_has_every_finding_of_the_statuses_in_parts_that_github_takes() -> None:
    lines = [f"app/template.yaml:{number}: x" for number in range(1, 121)]
    failed = [
        status_of("app", StatusState.FAILURE, "refused", "\n".join(lines[:70])),
        status_of("other", StatusState.FAILURE, "refused", "\n".join(lines[50:])),
        status_of("", StatusState.FAILURE, "2 of 2 failed"),
    ]
    check = findings_check("preprod", failed)
    assert [len(part) for part in check.requests] == [50, 50, 20]
    assert [one.line for part in check.requests for one in part] == list(range(1, 121))
    assert check.conclusion == "failure"
    many = "\n".join(f"a.yaml:{number}: x" for number in range(1, 10_000))
    flood = findings_check("preprod", [status_of("app", StatusState.FAILURE, "no", many)])
    assert [len(part) for part in flood.requests] == [50, 50, 50, 50]
    assert flood.digest != check.digest


def test_without_a_finding_a_check_run_passes_in_one_request() -> None:
    check = findings_check("preprod", [status_of("app", StatusState.FAILURE, "a test failed")])
    assert (check.conclusion, check.requests) == ("success", ((),))


@given(st.from_regex(SERVICE_NAME, fullmatch=True), st.sampled_from(["", "preprod", "prod"]))
def test_a_check_run_never_has_the_name_of_a_status(service: str, environment: str) -> None:
    subjects = ("", service)
    statuses = placed(environment, [status_of(one, StatusState.SUCCESS, "") for one in subjects])
    assert findings_check(environment, []).name not in {one.context for one in statuses}
