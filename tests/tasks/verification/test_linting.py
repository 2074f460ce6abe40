from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tiercel.domain.base.errors import BuildFailedError, RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.job import BuildJob, BuildStep
from tiercel.tasks.packaging.builder import Work
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.verification.linting import lint

PATH = PurePosixPath("shop/template.yaml")
RESOURCES = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}


class Reporting(Here):
    """A place where cfn-lint says what it is told to, or ends as it is told to."""

    def __init__(self, report: list[dict[str, Any]] | None) -> None:
        self.report = report
        self.command: tuple[str, ...] = ()

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        self.command = step.command
        if self.report is None:
            raise BuildFailedError("build.command_failed", "it crashed", why="RecursionError")
        (job.root / step.folder / "report.json").write_text(json.dumps(self.report))


def finding(rule: str, line: int, level: str = "Error", file: str = str(PATH)) -> dict[str, Any]:
    return {
        "Level": level,
        "Filename": f"../source/{file}",
        "Message": f"about {rule}",
        "Rule": {"Id": rule},
        "Location": {"Start": {"LineNumber": line}},
    }


def linted(place: Reporting, folder: Path, **templates: Any) -> list[str]:
    service = Service(name="shop", path="shop")
    job = BuildJob(service, Builds(), folder, folder, (), None)
    shop = Workshop(service, folder, folder / "scratch", folder / "objects")
    (shop.source / "shop").mkdir(parents=True, exist_ok=True)
    for name, more in templates.items():
        path = PurePosixPath(f"shop/{name}.yaml")
        shop.templates[path] = RESOURCES | more
        shop.path(path).write_text(json.dumps(RESOURCES | more))
    return lint(place, Work(shop, job))


def test_every_error_of_every_template_is_told_by_file_and_line(tmp_path: Path) -> None:
    errors = [finding("E3012", line) for line in range(1, 31)]
    more = [finding("E1001", 7, file="shop/inner.yaml"), finding("W1", 3, "Warning")]
    place = Reporting([*errors, *more])
    with pytest.raises(BuildFailedError) as failure:
        linted(place, tmp_path, template={}, inner={})
    assert len(failure.value.why.splitlines()) == 31
    assert failure.value.why.splitlines()[0] == "shop/template.yaml:1: E3012 about E3012"
    assert failure.value.where == "shop/template.yaml, shop/inner.yaml"
    assert place.command[-2:] == ("../source/shop/template.yaml", "../source/shop/inner.yaml")


def test_a_rule_that_crashes_is_told_as_a_fault_of_the_linter(tmp_path: Path) -> None:
    (note,) = linted(Reporting([finding("E0002", 1)]), tmp_path, template={})
    assert "cfn-lint" in note
    with pytest.raises(BuildFailedError) as failure:
        linted(Reporting([finding("E0002", 1), finding("E3012", 2)]), tmp_path, template={})
    assert "E0002" not in failure.value.why


def test_what_cloudformation_may_take_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    unknown = finding("E1010", 3) | {"Message": "'ApiId' is not one of [] in ['us-east-1']"}
    notes = linted(Reporting([finding("E1041", 2), unknown]), tmp_path, template={})
    assert ["E1041" in notes[0], "E1010" in notes[1], len(notes)] == [True, True, 2]


def test_of_what_a_macro_changes_first_errors_are_only_told(tmp_path: Path) -> None:
    found = [finding("E3001", 2), finding("E3001", 5, file="shop/inner.yaml")]
    macro = {"Transform": ["AWS::Serverless-2016-10-31", "Count"]}
    with pytest.raises(BuildFailedError) as refusal:
        linted(Reporting(found), tmp_path, template=macro, inner={})
    assert refusal.value.where == "shop/inner.yaml"
    assert len(linted(Reporting(found[:1]), tmp_path, template=macro)) == 1


def test_a_linter_that_crashes_as_a_whole_is_told_and_no_fault_of_the_template(
    tmp_path: Path,
) -> None:
    (note,) = linted(Reporting(None), tmp_path, template={})
    assert "RecursionError" in note


def test_what_packaging_leaves_out_is_left_out_for_the_linter_too(tmp_path: Path) -> None:
    place = Reporting([])
    assert linted(place, tmp_path, template={"Parameters": None}) == []
    (written,) = tmp_path.glob("lint-*/*.written-out.json")
    assert place.command[-1] == written.name
    assert json.loads(written.read_text()) == RESOURCES


def test_a_template_does_not_choose_rules(tmp_path: Path) -> None:
    template = {"Metadata": {"cfn-lint": {"config": {"append_rules": ["x"]}}}}
    place = Reporting([])
    with pytest.raises(RefusedInputError) as refusal:
        linted(place, tmp_path, template=template)
    assert (refusal.value.code, place.command) == ("template.lint_configuration", ())
    assert linted(place, tmp_path) == []
