"""Whether what a deleted stack had is really gone."""

from __future__ import annotations

import pytest

from tests.support.aws import root_client
from tests.support.drills import bucket
from tests.support.patience import PATIENCE_SECONDS
from tiercel.domain.organization.access import destroyer
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.teardown.absence import wait_until_gone


def _never_asked() -> bool:
    raise AssertionError("it waits for what does not change")


@pytest.mark.usefixtures("operator")
def test_a_bucket_that_may_not_be_looked_at_is_not_proven_gone_and_stops_nothing(
    sandbox: Sandbox, preprod: Names
) -> None:
    access, seen = destroyer(preprod, "test"), bucket("acme-preprod-taken-by-another-account")
    s3 = root_client(sandbox, "prod-runtime-root", "s3")
    where = {"LocationConstraint": preprod.environment.region}
    s3.create_bucket(Bucket=seen.physical_id, CreateBucketConfiguration=where)

    [told] = wait_until_gone.fn(access, [seen], PATIENCE_SECONDS, _never_asked)
    assert told.startswith(f"{seen.physical_id} (")

    s3.delete_bucket(Bucket=seen.physical_id)
    assert wait_until_gone.fn(access, [seen], 0) == []
