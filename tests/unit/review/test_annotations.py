"""Findings as a job of a workflow marks them beside the code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.cli.terminal.workflow import annotate
from tiercel.domain.review.annotations import Annotation, annotations_in


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("inbox/template.json:3: Resources.A: is odd", ("inbox/template.json", 3)),
        ("   a b/template.yaml:12: E3002 wrong", ("a b/template.yaml", 12)),
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
        patch.setattr("tiercel.cli.terminal.workflow._say", lambda *lines: said.extend(lines))
        annotate([Annotation(file=file, line=7, message=message)])
    (line,) = said
    head, _, rest = line.removeprefix("::error ").partition("::")
    assert "\n" not in line
    assert "\r" not in line
    assert head.count(",") == 1
    assert head.endswith(",line=7")
    assert rest.count("%") == rest.count("%25") + rest.count("%0D") + rest.count("%0A")
