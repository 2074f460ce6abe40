"""The role `retention` at the bucket, as an administrator becomes it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import error_in, invoke, invoke_json
from tests.support.releases import intent, manifest, outcome, packaged
from tests.tasks.aws_fixtures import unique
from tests.tasks.faults import Answer, Question, go_between
from tiercel.cli.terminal.retaining import ArtifactKeeper
from tiercel.domain.artifact.manifest import Manifest, manifest_key
from tiercel.domain.artifact.provenance import provenance_prefix
from tiercel.domain.base.digests import ArtifactId, Sha256, sha256_hex
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.access import Access, Records, Target
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.retention import KeepReason, Retained, RetentionDecision
from tiercel.tasks.aws.objects import create_object, list_keys
from tiercel.tasks.records.ledger import record_intent, record_outcome
from tiercel.tasks.teardown.retention import (
    RetentionLook,
    carry_out_retention,
    look_at_artifacts,
)

ROOT = Path(__file__).parent.parent.parent.parent
PROFILES = ("--profile", "preprod=preprod-infrastructure-root", "--profile", "prod=prod")
DAY = timedelta(days=1)

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

    def release(self, names: Names) -> None:
        """Let the ledger say that a stack runs it."""
        records = Records(self.reader, self.name)
        stack, artifact = unique(names.stack("retained")), self.artifact
        wanted = intent(
            stack=stack, number=1, service="retained",
            artifact_id=artifact.artifact_id, artifact_digest=artifact.digest,
        )  # fmt: skip
        assert record_intent.fn(records, wanted)
        record_outcome.fn(records, wanted, outcome())


@pytest.fixture
def switched_on(tmp_path: Path) -> str:
    """A configuration that lets artifacts of Preprod go."""
    section = "[environments.preprod.retention]\nenabled = "
    path = tmp_path / "tiercel.toml"
    before = (ROOT / "tiercel.toml").read_text()
    path.write_text(before.replace(f"{section}false", f"{section}true"))
    return str(path)


def ask_later(config: str, *old: Bucket) -> tuple[Any, Any]:
    """What the command shows and then does, a hundred days after these were written."""
    keys = {key for one in old for key in (one.package, one.manifest, one.provenance)}

    def age(question: Question, answer: Answer) -> Answer:
        if "versions" not in question.path:
            return answer
        return answer.saying(aged(answer.body.decode(), keys).encode())

    with go_between(age) as proxy:
        words = ("retention", "preprod", "--config", config, *PROFILES)
        shown = invoke_json(*words, http_proxy=proxy, no_proxy="")
        return shown, invoke_json(*words, "--delete", http_proxy=proxy, no_proxy="")


def aged(versions: str, keys: set[str]) -> str:
    """Only the versions of the keys: a hundred days older, what hides them two days.

    Others in this bucket are of other tests, and may be damaged, which keeps every package.
    """

    def older(found: re.Match[str]) -> str:
        kind, one = found[1], found[0]
        if not any(f"<Key>{key}</Key>" in one for key in keys):
            return ""
        return re.sub(
            "(?<=<LastModified>)[^<]*",
            lambda at: (datetime.fromisoformat(at[0]) - DAY * (100 if kind == "Version" else 2))
            .strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            one,
        )  # fmt: skip

    return re.sub(r"<(Version|DeleteMarker)>.*?</\1>", older, versions, flags=re.DOTALL)


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


def test_delete_lets_go_what_nobody_needs_any_more_and_nothing_else(
    preprod: Names, switched_on: str
) -> None:
    live, unneeded, hidden = (Bucket(preprod, letter) for letter in "bc9")
    live.release(preprod)
    hidden.do(hidden.manifest, Retained.HIDE)
    hidden.do(hidden.package, Retained.HIDE)
    before = live.look().versions

    shown, done = ask_later(switched_on, live, unneeded, hidden)

    after = live.look().versions
    steps = {one["key"]: one["step"] for one in shown["objects"]}
    assert steps == {unneeded.manifest: "hide", hidden.package: "remove for good"}
    assert (shown["deleted"], done["deleted"]) == (False, True)
    assert done["objects"] == shown["objects"], "to show it has changed nothing"
    changed = {key for key, one in before.items() if after.get(key) != one}
    assert changed == {unneeded.manifest, unneeded.provenance, hidden.package}
    assert hidden.package not in after, "no version is left of it"
    assert after[unneeded.manifest].data == before[unneeded.manifest].data, "it is only hidden"


@pytest.mark.parametrize("environment", ["preprod", "prod"])
def test_delete_is_refused_where_it_is_not_switched_on(preprod: Names, environment: str) -> None:
    bucket = Bucket(preprod, "a")
    code, said, _ = invoke("retention", environment, "--delete", *PROFILES, "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.REFUSED, "retention.not_on")
    assert {bucket.manifest, bucket.provenance, bucket.package} <= bucket.there()
