from __future__ import annotations

from typing import Any

from tests.support.releases import intent
from tiercel.domain.review.release_differences import (
    Presence,
    ServiceContents,
    release_differences,
    resources_of,
)

QUEUE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
TOPIC = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def contents(**changes: Any) -> ServiceContents:
    values: dict[str, Any] = {
        "words": "release 1",
        "artifact_id": "a",
        "parameters": {"Level": "info", "TiercelAssetBucket": "one"},
        "template": QUEUE,
    }
    return ServiceContents(**values | changes)


def test_a_service_of_one_side_is_added_or_removed() -> None:
    found = release_differences({"old": contents()}, {"new": contents()})
    assert [(one.service, one.presence) for one in found] == [
        ("new", Presence.ADDED),
        ("old", Presence.REMOVED),
    ]


def test_the_same_on_both_sides_is_no_difference() -> None:
    (one,) = release_differences({"api": contents()}, {"api": contents(words="release 9")})
    assert (one.presence, one.before, one.after) == (Presence.SAME, "release 1", "release 9")


def test_parameters_are_told_by_their_names_and_never_by_their_values() -> None:
    before = contents(parameters={"Level": "info", "Gone": "x", "Secret": "hunter2"})
    after = contents(parameters={"Level": "info", "New": "x", "Secret": "hunter3"})
    (one,) = release_differences({"api": before}, {"api": after})
    assert one.parameter_words == "+New -Gone ~Secret"
    assert "hunter" not in one.model_dump_json()


def test_what_packaging_adds_is_no_difference() -> None:
    names = ("TiercelAssetBucket", "TiercelPermissionsBoundary")
    sides = [contents(parameters=dict.fromkeys(names, value)) for value in ("one", "two")]
    (one,) = release_differences({"api": sides[0]}, {"api": sides[1]})
    assert one.presence is Presence.SAME


def test_what_a_commit_does_not_say_may_come_from_another_stack() -> None:
    live = contents(parameters={"Level": "info", "TableName": "orders"})
    commit = contents(parameters={"Level": "debug"}, partial=True)
    (one,) = release_differences({"api": live}, {"api": commit})
    assert one.parameter_words == "~Level"


def test_resources_are_compared_where_both_templates_are_there() -> None:
    sides = contents(), contents(artifact_id="b", template=TOPIC)
    found = release_differences({"api": sides[0]}, {"api": sides[1]})
    assert [(name, one.action) for name, one in resources_of(found)] == [
        ("api", "Add"),
        ("api", "Remove"),
    ]


def test_a_template_that_is_gone_is_told() -> None:
    sides = contents(template=None), contents(artifact_id="b")
    (one,) = release_differences({"api": sides[0]}, {"api": sides[1]})
    assert (one.presence, one.template_unknown) == (Presence.CHANGED, True)


def test_a_release_is_called_by_its_number() -> None:
    assert ServiceContents.of_release(intent(number=7), None).words == "release 7"
