from __future__ import annotations

from tiercel.domain.accounts.findings import (
    Aspect,
    CheckReport,
    Finding,
    Thing,
    Verdict,
    check_failed,
    nothing_checked,
)
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.pages.environment.check_page import check_page

INFRASTRUCTURE, RUNTIME = "111111111111", "222222222222"
ROLE = Thing(RUNTIME, "role deployer")
BUCKET = Thing(INFRASTRUCTURE, "artifact bucket")


def red(thing: Thing, aspect: Aspect = Aspect.TRUST, what: str = "it is *wrong*") -> Finding:
    return thing.red(aspect, "rule", what, why="because", remedy="mend it")


def report(*findings: Finding) -> CheckReport:
    accounts = {INFRASTRUCTURE: "InfrastructureAccount", RUNTIME: "RuntimeAccount"}
    return CheckReport(environment="preprod", accounts=accounts, findings=findings)


def test_a_cell_of_the_matrix_has_the_worst_verdict_and_accounts_keep_their_order() -> None:
    found = report(
        ROLE.green(Aspect.TRUST, "a"),
        red(ROLE),
        ROLE.unknown(Aspect.TRUST, "b", "busy"),
        ROLE.green(Aspect.POLICY, "c"),
        BUCKET.unknown(Aspect.USE, "d", "busy"),
        BUCKET.green(Aspect.USE, "e"),
    )
    rows = list(found.rows())
    assert [row.thing for row in rows] == ["artifact bucket", "role deployer"]
    assert rows[0].cells == {Aspect.USE: Verdict.UNKNOWN}
    assert rows[1].cells == {Aspect.TRUST: Verdict.RED, Aspect.POLICY: Verdict.GREEN}
    assert found.summary() == "3 green, 1 red, 2 not checked"


def test_a_failed_check_names_what_is_red_and_carries_the_report() -> None:
    found = report(red(ROLE), red(BUCKET, what="versioning is off"))
    error = check_failed(found)
    assert error.exit_code is ExitCode.CHECK_FAILED
    assert error.report == found
    assert "role deployer: it is *wrong*; artifact bucket: versioning is off" in error.why


def test_the_page_has_matrix_remedies_and_reasons_and_no_markup_of_others() -> None:
    page = check_page(report(red(ROLE), BUCKET.unknown(Aspect.USE, "put", "<b>busy</b>")))
    assert "| role deployer |  |  | **RED** |  |  |" in page
    assert "| artifact bucket | not checked |" in page
    assert "it is \\*wrong\\*" in page
    assert "mend it" in page
    assert "<b>" not in page


def test_a_green_page_has_neither_remedies_nor_reasons() -> None:
    page = check_page(report(ROLE.green(Aspect.USE, "assumed")))
    assert "## Red" not in page
    assert "## Not checked" not in page


def test_what_was_not_reached_is_said_of_every_thing() -> None:
    found = nothing_checked([ROLE, BUCKET], "no orchestrator")
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert {one.why for one in found} == {"no orchestrator"}
