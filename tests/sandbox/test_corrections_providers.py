from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import PREPROD, orchestrator
from tiercel.sandbox.lifecycle import Sandbox


def test_a_provider_is_read_by_whoever_may_read_that_one_and_no_other(box: Sandbox) -> None:
    iam = orchestrator(box, PREPROD).client("iam")
    arn = PREPROD.github_provider_arn
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]
    other = arn.replace("token.actions.githubusercontent.com", "gitlab.com")
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=other)
