from __future__ import annotations

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.faults import Faults, error, once
from tiercel.domain.base.errors import UnreachableError
from tiercel.tasks.aws.caller import caller_arn

aws = aws_fixtures.aws
faults = aws_fixtures.faults

pytestmark = pytest.mark.usefixtures("aws")


def test_the_caller_is_who_aws_says_it_is() -> None:
    assert caller_arn.fn("eu-central-1") == "arn:aws:iam::111111111111:user/operator"


def test_a_caller_whom_aws_does_not_know_is_told_so(faults: Faults) -> None:
    faults.inject(once("sts", "GetCallerIdentity", **error("InvalidClientTokenId", 403)))

    with pytest.raises(UnreachableError, match="not allowed to identify the caller") as failure:
        caller_arn.fn("eu-central-1")

    assert failure.value.where == "region eu-central-1"
    assert "InvalidClientTokenId" in failure.value.why


def test_a_throttled_caller_is_identified_all_the_same(faults: Faults) -> None:
    faults.inject(once("sts", "GetCallerIdentity", **error("Throttling", 400)))

    assert caller_arn.fn("eu-central-1").endswith(":user/operator")

    assert faults.fired() == ["GetCallerIdentity"]
