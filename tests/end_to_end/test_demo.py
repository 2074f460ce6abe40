from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from tests.support.commands import run, run_json

SERVICES = {"storage", "orders", "fulfilment", "catalog"}
ACCOUNTS = [
    f"{environment}-{account}-root"
    for environment in ("preprod", "prod")
    for account in ("infrastructure", "runtime")
]


@dataclass(frozen=True)
class Demo:
    state: Path
    document: dict[str, Any]
    progress: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    state = tmp_path_factory.mktemp("demo") / "state"
    try:
        code, output, errors = run("demo", "--state", str(state), "--json")
        assert code == 0, errors
        yield Demo(state, json.loads(output), errors)
    finally:
        lifecycle.down(state)


def observe(demo: Demo, profile: str, *arguments: str) -> Any:
    """The AWS CLI shares no code with us but the wire."""
    sandbox = lifecycle.status(demo.state)
    assert sandbox
    result = subprocess.run(
        [str(Path(sys.executable).parent / "aws"), *arguments, "--output", "json"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(demo.state)} | sandbox.environ(profile),
    )
    return json.loads(result.stdout or "{}")


def stacks(demo: Demo, profile: str) -> set[str]:
    answer = observe(demo, profile, "cloudformation", "describe-stacks")
    return {stack["StackName"] for stack in answer["Stacks"]}


def packages(demo: Demo, profile: str) -> dict[str, set[str]]:
    """The keys below packages/ in every bucket that the account has."""
    buckets = observe(demo, profile, "s3api", "list-buckets")["Buckets"]
    return {
        bucket["Name"]: {
            entry["Key"]
            for entry in observe(
                demo, profile, "s3api", "list-objects-v2", "--bucket", bucket["Name"],
                "--prefix", "packages/",
            ).get("Contents", ())
        }
        for bucket in buckets
    }  # fmt: skip


def test_the_demo_ends_with_answers_and_a_timeline(demo: Demo) -> None:
    assert set(demo.document["services"]) == SERVICES
    assert demo.document["services"]["orders"]["answer"].startswith('{"statusCode": 200')
    assert "sencha" in demo.document["services"]["catalog"]["answer"]
    steps = demo.document["timeline"]
    assert {"build orders", "plan acme-preprod-orders"} <= {step["name"] for step in steps}
    assert all(step["seconds"] >= 0 for step in steps)
    assert "release 1 is live" in demo.progress


def test_an_observer_sees_stacks_only_in_the_runtime_account_of_preprod(demo: Demo) -> None:
    seen = {profile: stacks(demo, profile) for profile in ACCOUNTS}

    assert seen.pop("preprod-runtime-root") == {f"acme-preprod-{name}" for name in SERVICES}
    assert set().union(*seen.values()) == set()


def test_an_observer_sees_artifacts_and_their_staged_copies_and_nothing_elsewhere(
    demo: Demo,
) -> None:
    seen = {profile: packages(demo, profile) for profile in ACCOUNTS}

    artifacts = seen["preprod-infrastructure-root"].popitem()[1]
    staged = seen["preprod-runtime-root"].popitem()[1]
    assert artifacts
    assert artifacts == staged
    assert [keys for buckets in seen.values() for keys in buckets.values() if keys] == []


def test_every_object_has_the_sha_256_of_its_name_in_both_accounts(
    demo: Demo, tmp_path: Path
) -> None:
    for profile in ("preprod-infrastructure-root", "preprod-runtime-root"):
        ((bucket, keys),) = packages(demo, profile).items()
        for key in keys:
            target = tmp_path / "object"
            observe(
                demo, profile, "s3api", "get-object", "--bucket", bucket, "--key", key, str(target)
            )
            assert hashlib.sha256(target.read_bytes()).hexdigest() == Path(key).stem


def test_the_code_that_lambda_runs_is_the_package_that_was_published(demo: Demo) -> None:
    functions = observe(demo, "preprod-runtime-root", "lambda", "list-functions")["Functions"]
    running = {base64.b64decode(function["CodeSha256"]).hex() for function in functions}
    ((_, keys),) = packages(demo, "preprod-infrastructure-root").items()

    assert len(running) == 3
    assert running <= {Path(key).stem for key in keys}


def test_status_says_what_is_live_where(demo: Demo) -> None:
    live = run_json("status", "--sandbox", "--state", str(demo.state))

    assert {entry["service"] for entry in live["preprod"]} == SERVICES
    assert {entry["release"] for entry in live["preprod"]} == {1}
    assert live["prod"] == []


def test_the_demo_a_second_time_changes_nothing_and_says_so(demo: Demo) -> None:
    code, _, progress = run("demo", "--state", str(demo.state))

    assert code == 0
    assert progress.count("is published already") == len(SERVICES)
    assert progress.count("unchanged, release 1 is live") == len(SERVICES)
    assert "is new" not in progress


def test_releases_lists_every_release(demo: Demo) -> None:
    history = run_json("releases", "preprod", "--sandbox", "--state", str(demo.state))

    assert {(entry["service"], entry["status"]) for entry in history} == {
        (name, "succeeded") for name in SERVICES
    }
