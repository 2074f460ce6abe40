from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.template.smoke_target import require_smoke_target

SAM = "AWS::Serverless-2016-10-31"
TEMPLATE: dict[str, Any] = {"Resources": {"Get": {}}, "Outputs": {"Url": {}}}


def judge(test: dict[str, Any] | None, **sections: Any) -> None:
    service = Service.model_validate({"name": "orders", "path": "orders", "smoke_test": test})
    require_smoke_target(service, TEMPLATE | sections)


@pytest.mark.parametrize(
    ("test", "sections"),
    [
        (None, {}),
        ({"invoke": "Get"}, {}),
        ({"http": "Url"}, {}),
        ({"invoke": "GetAliaslive"}, {"Transform": SAM}),
        ({"invoke": "Other"}, {"Transform": [SAM, "Macro"]}),
        ({"http": "Other"}, {"Transform": "AWS::LanguageExtensions"}),
        ({"http": "OtherUrl"}, {"Outputs": {"Fn::ForEach::Names": []}}),
        ({"invoke": "Other"}, {"Resources": {"Fn::Transform": {}}}),
    ],
)
def test_what_the_template_has_or_may_come_to_have_is_taken(
    test: dict[str, Any] | None, sections: dict[str, Any]
) -> None:
    judge(test, **sections)


@pytest.mark.parametrize(
    ("test", "sections"),
    [
        ({"invoke": "Other"}, {}),
        ({"invoke": "Url"}, {}),
        ({"http": "Get"}, {}),
        ({"http": "Url"}, {"Outputs": None}),
        ({"invoke": "GetAliaslive"}, {}),
        ({"invoke": "Other"}, {"Transform": SAM}),
    ],
)
def test_a_name_that_the_template_lacks_is_refused(
    test: dict[str, Any], sections: dict[str, Any]
) -> None:
    with pytest.raises(RefusedInputError, check=because("smoke_test.no_target")):
        judge(test, **sections)
