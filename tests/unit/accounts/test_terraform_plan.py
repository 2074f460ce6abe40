from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.codes import because
from tiercel.domain.accounts.terraform_plan import read_terraform_plan, require_approval
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.pages.environment.accounts_page import terraform_plan_page


def change(
    address: str,
    actions: list[str],
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    kind = address.split(".")[-2]
    body = {"actions": actions, "before": before, "after": after, "after_unknown": {}} | more
    return {"address": address, "type": kind, "mode": "managed", "change": body}


ROLE = "module.runtime_account.aws_iam_role.deployer"
BUCKET = "module.runtime_account.aws_s3_bucket.staging"
DOCUMENT: dict[str, Any] = {
    "format_version": "1.2",
    "terraform_version": "1.11.4",
    "timestamp": "2026-01-01T00:00:00Z",
    "resource_changes": [
        change(ROLE, ["update"], {"name": "a", "path": "/"}, {"name": "a", "path": "/b/"}),
        change(BUCKET, ["create"], None, {"bucket": "b"}, after_unknown={"arn": True}),
        change("aws_kms_key.old", ["delete"], {"key_id": "1"}),
        change("aws_kms_key.new", ["delete", "create"], {"x": 1}, {"x": 2}),
        change("aws_s3_bucket.same", ["no-op"], {"x": 1}, {"x": 1}),
        change("data.aws_partition.here", ["read"]),
    ],
    "output_changes": {"bucket": {"actions": ["create"], "before": None, "after": "b"}},
}


def without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def test_a_plan_has_what_changes_and_counts_it() -> None:
    plan = read_terraform_plan("preprod", DOCUMENT)
    assert [(one.address, one.action) for one in plan.changes] == [
        (ROLE, "update"),
        (BUCKET, "create"),
        ("aws_kms_key.old", "delete"),
        ("aws_kms_key.new", "replace"),
    ]
    assert plan.changes[0].attributes == ("path",)
    assert plan.changes[1].attributes == ("arn", "bucket")
    assert plan.summary() == "1 to create, 1 to update, 1 to replace, 1 to delete"
    assert not plan.is_empty


def test_a_plan_without_changes_is_empty_and_one_of_outputs_alone_is_not() -> None:
    nothing = {"format_version": "1.2", "resource_changes": [DOCUMENT["resource_changes"][4]]}
    assert read_terraform_plan("preprod", nothing).is_empty
    outputs = nothing | {"output_changes": DOCUMENT["output_changes"]}
    assert not read_terraform_plan("preprod", outputs).is_empty
    unchanged = nothing | {"output_changes": {"bucket": {"actions": ["no-op"]}}}
    assert read_terraform_plan("preprod", unchanged).is_empty


def test_the_same_changes_have_the_same_digest_whenever_they_were_planned() -> None:
    later = copy.deepcopy(DOCUMENT) | {"timestamp": "2026-02-02T00:00:00Z"}
    digests = {read_terraform_plan("preprod", one).digest for one in (DOCUMENT, later)}
    assert len(digests) == 1


@pytest.mark.parametrize("part", ["before", "after", "after_unknown", "replace_paths"])
def test_every_value_of_a_change_is_part_of_the_digest(part: str) -> None:
    other = copy.deepcopy(DOCUMENT)
    other["resource_changes"][0]["change"][part] = {"path": "/other/"}
    assert (
        read_terraform_plan("preprod", other).digest
        != read_terraform_plan("preprod", DOCUMENT).digest
    )


def test_outputs_and_the_environment_are_part_of_the_digest() -> None:
    plans = [
        read_terraform_plan("preprod", DOCUMENT),
        read_terraform_plan("preprod", without(DOCUMENT, "output_changes")),
        read_terraform_plan("prod", DOCUMENT),
    ]
    assert len({plan.digest for plan in plans}) == 3


def test_an_import_is_a_change_though_it_does_nothing_in_aws() -> None:
    imported = change(BUCKET, ["no-op"], {"x": 1}, {"x": 1}, importing={"id": "b"})
    document = {"format_version": "1.2", "resource_changes": [imported]}
    assert read_terraform_plan("preprod", document).changes[0].action == "import"


@pytest.mark.parametrize("version", [None, "", "2.0", "0.2"])
def test_an_unknown_format_is_refused(version: str | None) -> None:
    with pytest.raises(TiercelError, check=because("terraform.unknown_plan_format")):
        read_terraform_plan("preprod", DOCUMENT | {"format_version": version})


def test_an_unknown_action_is_refused_rather_than_left_out() -> None:
    document = {"format_version": "1.2", "resource_changes": [change(ROLE, ["explode"])]}
    with pytest.raises(TiercelError, check=because("terraform.unknown_action")):
        read_terraform_plan("preprod", document)


@pytest.mark.parametrize(
    ("approved", "message"),
    [("", "the plan needs approval"), ("0" * 64, "not the one that was approved")],
)
def test_an_approval_of_another_plan_is_refused(approved: str, message: str) -> None:
    plan = read_terraform_plan("preprod", DOCUMENT)
    require_approval(plan, plan.digest)
    with pytest.raises(RefusedInputError, match=message) as refused:
        require_approval(plan, approved)
    assert plan.digest in refused.value.remedy


def test_the_page_shows_permissions_apart_and_no_values() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["resource_changes"][0]["change"]["after"]["path"] = "hidden-value"
    plan = read_terraform_plan("preprod", document)
    page = terraform_plan_page(plan)
    resources, permissions = page.split("## Permissions")
    assert ROLE in permissions
    assert ROLE not in resources
    assert BUCKET in resources
    assert plan.digest in page
    assert "**replace**" in page
    assert "hidden-value" not in page
