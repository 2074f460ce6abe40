"""The role `retention` at the bucket, as an administrator becomes it."""

from __future__ import annotations

import pytest

from tests.support.commands import error_in, invoke, invoke_json
from tests.support.releases import manifest, packaged
from tiercel.cli.terminal.retaining import ArtifactKeeper
from tiercel.domain.artifact.manifest import Manifest, manifest_key
from tiercel.domain.artifact.provenance import provenance_prefix
from tiercel.domain.base.digests import ArtifactId, Sha256, sha256_hex
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.access import Access, Target
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.retention import KeepReason, Retained, RetentionDecision
from tiercel.tasks.aws.objects import create_object, list_keys
from tiercel.tasks.teardown.retention import (
    RetentionLook,
    carry_out_retention,
    look_at_artifacts,
)

pytestmark = pytest.mark.usefixtures("operator")


class Bucket:
    """One artifact in Preprod's bucket, and who lets it go."""

    def __init__(self, names: Names, letter: str) -> None:
        self.name = names.artifact_bucket
        self.reader = Target(names, "test").orchestrator
        self.retention = Access(
            names.role_arn(Role.RETENTION), names.environment.region, "test",
            profile="preprod-infrastructure-root",
        )  # fmt: skip
        package = packaged(sha256_hex(letter.encode()), size=1)
        self.artifact: Manifest = manifest(
            service="retained",
            artifact_id=ArtifactId(Sha256(letter * 64)),
            template=package,
            objects=(package,),
        )
        key = ("retained", self.artifact.artifact_id)
        self.package, self.manifest = package.key, manifest_key(*key)
        self.provenance = provenance_prefix(*key) + "one.json"
        create_object(self.reader, self.name, self.package, letter.encode())
        create_object(self.reader, self.name, self.provenance, b"{}")
        create_object(self.reader, self.name, self.manifest, self.artifact.to_bytes())

    def look(self) -> RetentionLook:
        return look_at_artifacts.fn(self.retention, self.reader, self.name)

    def do(self, key: str, step: Retained) -> None:
        decision = RetentionDecision(key, step, KeepReason.UNNEEDED)
        carry_out_retention.fn(self.retention, self.name, [decision], self.look())

    def there(self) -> set[str]:
        return set(list_keys(self.reader, self.name, ""))


def test_a_manifest_is_hidden_with_its_provenance_and_comes_back_with_it(preprod: Names) -> None:
    bucket = Bucket(preprod, "e")
    bucket.do(bucket.manifest, Retained.HIDE)
    assert {bucket.manifest, bucket.provenance} & bucket.there() == set()
    (seen,) = [one for one in bucket.look().manifests if one.key == bucket.manifest]
    assert seen.hidden
    assert seen.packages == frozenset({bucket.package})
    assert seen.digest == bucket.artifact.digest
    bucket.do(bucket.manifest, Retained.RESTORE)
    assert {bucket.manifest, bucket.provenance} <= bucket.there()


def test_a_package_that_was_hidden_is_removed_with_all_its_versions(preprod: Names) -> None:
    bucket = Bucket(preprod, "f")
    bucket.do(bucket.package, Retained.HIDE)
    (seen,) = [one for one in bucket.look().packages if one.key == bucket.package]
    assert seen.hidden
    bucket.do(bucket.package, Retained.REMOVE)
    assert bucket.package not in bucket.look().versions
    assert bucket.manifest in bucket.there()


def test_nothing_goes_while_it_is_not_known_what_production_runs(
    preprod: Names, topology: Topology
) -> None:
    bucket = Bucket(preprod, "d")
    administrator = ("--profile", "preprod=preprod-infrastructure-root")
    unknown = invoke_json("retention", "preprod", *administrator)
    assert (unknown["unknown"], unknown["objects"]) == (["prod"], [])
    assert unknown["kept"]
    assert "AccessDenied" in unknown["unknown_because"]["prod"]
    code, said, _ = invoke("retention", "preprod", "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.UNREACHABLE, "aws.not_allowed")
    assert "--profile preprod=PROFILE" in error_in(said)["remedy"]
    profiles = {"preprod": "preprod-infrastructure-root", "prod": "prod"}
    known = ArtifactKeeper(topology, preprod, profiles).decided()
    assert known[1] == {}
    reasons = {one.key: one.reason for one in known[0]}
    assert reasons[bucket.manifest] is KeepReason.YOUNG
