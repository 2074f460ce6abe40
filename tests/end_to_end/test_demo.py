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
from github import Auth, Github

from tests.support.commands import data_in, invoke_json, run
from tests.support.patience import PATIENCE_SECONDS
from tests.support.wheel import build_wheel, install_wheel
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size, read_journal

PROD_ARTIFACTS = "acme-prod-artifacts-333333333333-eu-central-1"
# The whole demo, which takes four times as long beside another suite.
pytestmark = pytest.mark.timeout(1200)
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
    """What the demo did, run from a wheel in a folder full of packages of the layers' names."""
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    installed = install_wheel(wheel, tmp_path_factory.mktemp("installed"))
    state = tmp_path_factory.mktemp("demo") / "state"
    try:
        code, output, errors = installed.run("demo", "--state", str(state), "--json")
        assert code == 0, errors
        assert installed.imported() == ""
        yield Demo(state, data_in(output), errors)
    finally:
        lifecycle.down(state)


def observe(demo: Demo, profile: str, *arguments: str) -> Any:
    """Return what the AWS CLI says, which shares no code with us but the wire."""
    return json.loads(aws(demo, profile, *arguments, "--output", "json") or "{}")


def aws(demo: Demo, profile: str, *arguments: str) -> str:
    sandbox = lifecycle.status(demo.state)
    assert sandbox
    result = subprocess.run(
        [str(Path(sys.executable).parent / "aws"), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(demo.state)} | sandbox.environ(profile),
    )
    return result.stdout


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


def test_the_demo_ends_with_the_answers_of_both_environments_and_a_timeline(demo: Demo) -> None:
    for environment in ("preprod", "prod"):
        live = demo.document["live"][environment]
        assert set(live) == SERVICES
        assert live["orders"]["answer"].startswith('{"statusCode": 200')
        assert '"net": 690' in live["catalog"]["answer"], "the second change is not live"
    assert {step["flow"] for step in demo.document["timeline"]} >= {"deploy-to-preprod"}
    steps = {step["name"] for step in demo.document["timeline"]}
    assert {"build orders", "plan acme-preprod-orders", "plan acme-prod-orders"} <= steps


def test_a_promotion_of_one_changed_service_is_read_at_a_glance(demo: Demo) -> None:
    promoting = [one for one in demo.document["timeline"] if one["flow"] == "promote-to-prod"]
    names = [one["name"] for one in promoting]
    last = promoting[len(names) - 1 - names[::-1].index("prepare") :]
    assert len(last) <= 25, last
    assert [one["name"] for one in last if not one["group"]] == [
        "prepare",
        "record word of reviewer",
        "plan catalog",
        "hear the word",
        "open GitHub deployment to prod",
        "release catalog",
        "announce",
        "record end of wait of acme/shop: executed",
    ]
    released = [one["name"] for one in last if one["group"] == "release catalog"]
    assert {"stage catalog", "plan acme-prod-catalog", "smoke test acme-prod-catalog"} <= {
        *released
    }


def test_prod_waits_for_the_word_of_somebody_who_did_not_ask_for_it(
    demo: Demo, tmp_path: Path
) -> None:
    (refused,) = demo.document["refused"]
    approved = demo.document["approved"]
    assert refused["by"] == "releaser"
    assert refused["review"] == "Can not approve your own pull request"
    assert "releaser asked for it" in refused["word"]
    assert refused["plan"] == approved[0]["plan"]
    assert [one["by"] for one in approved] == ["reviewer", "reviewer"]
    assert "a word that AWS vouches for does not count" in demo.progress

    recorded = f"s3://{PROD_ARTIFACTS}/approvals/"
    aws(demo, "prod-infrastructure-root", "s3", "cp", "--recursive", recorded, str(tmp_path))
    words = [json.loads(one.read_text()) for one in tmp_path.glob("words/*/*.json")]
    assert sorted(one["by"] for one in words) == ["releaser", "reviewer", "reviewer"]
    begun, ended = (
        [json.loads(one.read_text()) for one in tmp_path.glob(f"waiting/*/*/*/{part}.json")]
        for part in ("begun", "ended")
    )
    assert [one["reason"] for one in begun] == ["approved by reviewer (github)"] * 2
    assert [one["how"] for one in ended] == ["executed", "executed"]


def test_the_second_change_shifts_by_canary_in_both_environments(demo: Demo) -> None:
    for environment in ("preprod", "prod"):
        (shift,) = traffic(demo, environment, 2)
        assert shift["configuration"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert (shift["status"], shift["percent"]) == ("Succeeded", 100)
        assert f"{shift['deployment']}: version 2 has 10 % of the traffic" in demo.progress


def test_a_third_change_trips_an_alarm_and_goes_back_with_the_reason_shown(demo: Demo) -> None:
    (failure,) = demo.document["taken_back"]
    assert failure["code"] == "traffic.alarm"
    assert failure["errors"] >= 3
    stopped, back = traffic(demo, "preprod", 3)
    assert (stopped["code"], stopped["percent"]) == ("ALARM_ACTIVE", 10)
    assert back["took_back"] == stopped["deployment"]
    assert "AWS/Lambda Errors, threshold GreaterThanOrEqualToThreshold 3" in failure["why"]
    assert "customers had their answer meanwhile" in demo.progress


def traffic(demo: Demo, environment: str, number: int) -> list[dict[str, Any]]:
    """Return what a release of the catalog shifted, as the ledger has it."""
    stack = f"acme-{environment}-catalog/{number}"
    place = ("--sandbox", "--state", str(demo.state))
    release = invoke_json("releases", environment, "--show", stack, *place)
    return list(release["outcome"]["traffic"])


def test_a_pull_request_that_fails_is_told_apart_from_one_that_passes(demo: Demo) -> None:
    assert (
        "✗ tiercel/preprod/orders: the build command failed: python3 -m unittest (failure)"
        in demo.progress
    )
    assert "✓ tiercel/preprod/orders: built and tested" in demo.progress


def test_the_second_change_builds_and_releases_one_service_only(demo: Demo) -> None:
    first, second, third, undone = demo.document["built"]
    assert set(first) == SERVICES
    assert second == [], "it was built for the environment on demand, and is built once"
    assert (third, undone) == (["catalog"], []), "what the second left is there again"
    for environment, number in (("preprod", 4), ("prod", 2)):
        releases = {
            name: (live["release"], live["changed"])
            for name, live in demo.document["live"][environment].items()
        }
        assert releases.pop("catalog") == (number, True)
        assert set(releases.values()) == {(1, False)}


def test_the_second_pull_request_has_an_environment_on_demand_until_it_is_merged(
    demo: Demo,
) -> None:
    made = demo.document["on_demand"]
    prefix = f"acme-ephemeral-{made['name']}-"
    assert made["stacks"] == [f"{prefix}catalog"]
    assert made["deleted"] == made["stacks"]
    assert made["address"].startswith("http")
    assert made["address"] in demo.progress
    assert not {one for one in stacks(demo, "preprod-runtime-root") if "ephemeral" in one}


def test_prod_runs_the_digests_that_preprod_verified(demo: Demo) -> None:
    digests = {
        environment: {name: one["digest"] for name, one in live.items()}
        for environment, live in demo.document["live"].items()
    }
    assert digests["prod"] == digests["preprod"]


def test_an_observer_sees_stacks_only_in_the_runtime_accounts(demo: Demo) -> None:
    seen = {profile: stacks(demo, profile) for profile in ACCOUNTS}

    for environment in ("preprod", "prod"):
        found = seen.pop(f"{environment}-runtime-root")
        assert found == {f"acme-{environment}-{name}" for name in SERVICES}
    assert set().union(*seen.values()) == set()


def test_an_observer_sees_the_same_artifacts_in_all_accounts_but_for_what_went_back(
    demo: Demo,
) -> None:
    artifacts = {profile: set().union(*packages(demo, profile).values()) for profile in ACCOUNTS}

    preprod, prod = artifacts["preprod-infrastructure-root"], artifacts["prod-runtime-root"]
    assert artifacts["preprod-runtime-root"] == preprod
    assert artifacts["prod-infrastructure-root"] == prod
    assert prod < preprod
    assert len(preprod - prod) == 2, "the third change has a package and a template of its own"


def test_github_has_a_release_a_tag_and_deployments(demo: Demo) -> None:
    sandbox = lifecycle.status(demo.state)
    assert sandbox
    assert sandbox.github
    with Github(
        auth=Auth.Token(sandbox.github.token("author")), base_url=sandbox.github.api_url
    ) as github:
        repository = github.get_repo(demo.document["repository"])
        assert [release.tag_name for release in repository.get_releases()] == ["v0.2.0", "v0.1.0"]
        assert {tag.name for tag in repository.get_tags()} == {"v0.1.0", "v0.2.0"}
        notes = repository.get_release("v0.1.0").body
        assert "Print a note on gifts by author in #1" in notes
        states = {
            (deployment.environment, next(iter(deployment.get_statuses())).state)
            for deployment in repository.get_deployments()
        }
        # GitHub itself retires the deployments before the newest, those of production apart.
        assert states == {
            ("preprod", "success"),
            ("preprod", "failure"),
            ("preprod", "inactive"),
            ("prod", "success"),
            (f"ephemeral/{demo.document['on_demand']['name']}", "inactive"),
        }


def test_every_object_has_the_sha_256_of_its_name_in_both_accounts(
    demo: Demo, tmp_path: Path
) -> None:
    for profile in ACCOUNTS:
        ((bucket, keys),) = packages(demo, profile).items()
        folder = tmp_path / profile
        aws(demo, profile, "s3", "cp", "--recursive", f"s3://{bucket}/packages/", str(folder))
        found = {file.name: hashlib.sha256(file.read_bytes()) for file in folder.iterdir()}
        assert found.keys() == {Path(key).name for key in keys}
        assert {name for name, sha in found.items() if sha.hexdigest() != Path(name).stem} == set()


def test_the_code_that_lambda_runs_is_the_package_that_was_published(demo: Demo) -> None:
    functions = observe(demo, "preprod-runtime-root", "lambda", "list-functions")["Functions"]
    running = {base64.b64decode(function["CodeSha256"]).hex() for function in functions}
    ((_, keys),) = packages(demo, "preprod-infrastructure-root").items()

    assert len(running) == 3
    assert running <= {Path(key).stem for key in keys}


def test_status_says_what_is_live_where(demo: Demo) -> None:
    live = invoke_json("status", "--sandbox", "--state", str(demo.state))

    assert {entry["service"] for entry in live["preprod"]} == SERVICES
    assert {entry["service"] for entry in live["prod"]} == SERVICES
    for environment in ("preprod", "prod"):
        numbers = {entry["service"]: entry["release"] for entry in live[environment]}
        catalog = 4 if environment == "preprod" else 2
        assert numbers == dict.fromkeys(SERVICES, 1) | {"catalog": catalog}
        assert {(entry["now"], entry["open_since"]) for entry in live[environment]} == {
            ("as released", None)
        }


def test_the_demo_a_second_time_changes_nothing_and_says_so(demo: Demo) -> None:
    code, _, progress = run("demo", "--state", str(demo.state))

    assert code == 0, progress
    assert progress.count("an earlier demo released it") == 2
    assert progress.count("in an earlier demo it went back") == 1
    assert progress.count("is published already") == len(SERVICES)
    assert progress.count("unchanged, release") == 2 * len(SERVICES)
    assert "is new" not in progress
    assert "it waits" not in progress, "what changes nothing needs nobody's word"


def test_the_demo_goes_on_when_nobody_reads_on(demo: Demo) -> None:
    sandbox = lifecycle.status(demo.state)
    assert sandbox
    begun = journal_size(sandbox.journal)
    reads, writes = os.pipe()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "tiercel"), "demo", "--state", str(demo.state)],
        stdin=subprocess.DEVNULL,
        stdout=writes,
        stderr=writes,
    )
    os.close(writes)
    with os.fdopen(reads, "rb") as lines:
        assert lines.readline()

    assert process.wait(PATIENCE_SECONDS) == 0
    called = {(call.account, call.operation) for call in read_journal(sandbox.journal, begun)}
    for environment in ("preprod", "prod"):
        assert (account_of(demo, f"{environment}-runtime-root"), "DescribeStacks") in called


def account_of(demo: Demo, profile: str) -> str:
    return str(observe(demo, profile, "sts", "get-caller-identity")["Account"])


def test_releases_lists_every_release(demo: Demo) -> None:
    history = invoke_json("releases", "prod", "--sandbox", "--state", str(demo.state))

    assert {(entry["service"], entry["release"], entry["status"]) for entry in history} == {
        ("catalog", 2, "succeeded"),
        *((name, 1, "succeeded") for name in SERVICES),
    }
