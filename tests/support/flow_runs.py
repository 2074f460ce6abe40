"""What most tests of flows begin with: a commit that Preprod runs."""

from __future__ import annotations

import asyncio

from tests.support.repositories import Repository
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Released


def release(repository: Repository, commit: str) -> dict[str, Released]:
    """Publish and deploy to Preprod in this process; return what was released, by service."""
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    return asyncio.run(deploy_to_preprod(repository.name, commit))
