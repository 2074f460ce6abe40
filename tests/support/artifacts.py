"""What runs have left in Prefect."""

from __future__ import annotations

import asyncio

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact


async def artifacts(key: str) -> list[Artifact]:
    """Return the artifacts of a key, the oldest first."""
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        found = await client.read_artifacts(artifact_filter=wanted)
        return sorted(found, key=lambda artifact: str(artifact.created))


def newest_page(key: str) -> str:
    """Return what the newest artifact of a key says."""
    found = asyncio.run(artifacts(key))
    assert found, f"no artifact {key}"
    assert found[-1].flow_run_id, "the artifact belongs to no run"
    return str(found[-1].data)
