from __future__ import annotations

import re
import unicodedata

import pytest
from botocore.loaders import Loader
from hypothesis import assume, given
from hypothesis import strategies as st

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import fingerprint, printable, slug
from tiercel.domain.organization.names import (
    RUNTIME_ROLES,
    Names,
    Role,
    former_deployment,
    partition_of,
    run_name,
    session_name,
    with_commit,
)
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Environment, Organization, Topology
from tiercel.domain.stack.tokens import attempt_in, change_set_name, client_token, release_of

PREPROD = Environment(
    name="preprod",
    branch="develop",
    region="eu-central-1",
    infrastructure_account="111111111111",
    runtime_account="222222222222",
    external_id="acme-preprod",
)
TOPOLOGY = Topology(organization=Organization(name="acme"), environments={"preprod": PREPROD})
NAMES = Names.of(TOPOLOGY, "preprod")

organizations = st.from_regex(r"[a-z][a-z0-9-]{0,14}[a-z0-9]", fullmatch=True).filter(
    lambda name: not f"{name}-".startswith(("xn--", "sthree-", "amzn-s3-demo-"))
)
regions = st.from_regex(r"[a-z]{2,4}(-[a-z]{1,30}){1,3}-[0-9]", fullmatch=True) | st.sampled_from(
    ["eu-central-1", "ap-southeast-1", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"]
)
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
services = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)
branches = st.text(min_size=1, max_size=250).filter(is_legal_branch) | st.from_regex(
    r"[a-z]{1,9}(/[A-Za-z0-9_.-]{1,60}){1,4}", fullmatch=True
).filter(is_legal_branch)
environments = st.builds(
    Environment,
    name=st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True),
    branch=branches,
    region=regions,
    infrastructure_account=accounts,
    runtime_account=accounts,
    external_id=st.just("external-id"),
)
any_names = st.builds(Names, organizations, environments)


def aws_partitions() -> list[tuple[str, str, str]]:
    """Every region that botocore knows, with its partition and the end of its host names."""
    data = Loader().load_data("partitions")
    return [
        (region, partition["id"], partition["outputs"]["dnsSuffix"])
        for partition in data["partitions"]
        for region in partition["regions"]
        if not region.endswith("global")
    ]


def test_names_of_a_topology_are_those_of_its_organization_and_environment() -> None:
    assert Names("acme", PREPROD) == NAMES


def test_an_unknown_environment_has_no_names() -> None:
    with pytest.raises(ConfigurationError):
        Names.of(TOPOLOGY, "staging")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (NAMES.prefix, "acme-preprod-"),
        (NAMES.artifact_bucket, "acme-preprod-artifacts-111111111111-eu-central-1"),
        (NAMES.staging_bucket, "acme-preprod-staging-222222222222-eu-central-1"),
        (NAMES.state_bucket, "acme-preprod-terraform-111111111111-eu-central-1"),
        (NAMES.artifact_key_alias, "alias/acme-preprod-artifacts"),
        (NAMES.signing_key_alias, "alias/acme-preprod-signing"),
        (
            NAMES.signing_key_arn,
            "arn:aws:kms:eu-central-1:111111111111:alias/acme-preprod-signing",
        ),
        (NAMES.boundary_arn, "arn:aws:iam::222222222222:policy/acme-preprod-boundary"),
        (NAMES.stack("orders"), "acme-preprod-orders"),
    ],
)
def test_a_name_is_what_the_documentation_says(found: str, expected: str) -> None:
    assert found == expected


def test_the_tags_of_a_stack_name_organization_environment_and_service() -> None:
    assert NAMES.stack_tags("orders") == {
        "tiercel:organization": "acme",
        "tiercel:environment": "preprod",
        "tiercel:service": "orders",
    }


@pytest.mark.parametrize(
    ("role", "arn"),
    [
        (Role.ORCHESTRATOR, "arn:aws:iam::111111111111:role/acme-preprod-orchestrator"),
        (Role.BUILDER, "arn:aws:iam::111111111111:role/acme-preprod-builder"),
        (Role.VERIFIER, "arn:aws:iam::111111111111:role/acme-preprod-verifier"),
        (Role.TRIGGER, "arn:aws:iam::111111111111:role/acme-preprod-trigger"),
        (Role.DEPLOYER, "arn:aws:iam::222222222222:role/acme-preprod-deployer"),
        (Role.CLOUDFORMATION, "arn:aws:iam::222222222222:role/acme-preprod-cloudformation"),
        (Role.AUDITOR, "arn:aws:iam::222222222222:role/acme-preprod-auditor"),
    ],
)
def test_a_role_lives_in_the_account_where_it_works(role: Role, arn: str) -> None:
    assert NAMES.role_arn(role) == arn
    assert arn.endswith("/" + NAMES.role(role))


def test_every_role_lives_in_exactly_one_of_the_two_accounts() -> None:
    assert set(Role) >= RUNTIME_ROLES
    for role in Role:
        runtime = NAMES.account_of(role) == PREPROD.runtime_account
        assert runtime == (role in RUNTIME_ROLES)


@pytest.mark.parametrize(("region", "partition", "suffix"), aws_partitions())
def test_every_region_that_aws_has_is_legal_and_in_its_partition(
    region: str, partition: str, suffix: str
) -> None:
    assert partition_of(region) == partition
    elsewhere = Names("acme", Environment(**PREPROD.model_dump() | {"region": region}))
    assert elsewhere.role_arn(Role.DEPLOYER).startswith(f"arn:{partition}:iam::")
    assert elsewhere.boundary_arn.startswith(f"arn:{partition}:iam::")
    assert elsewhere.object_url("bucket", "a/b") == f"https://bucket.s3.{region}.{suffix}/a/b"


@given(any_names)
def test_the_buckets_of_every_legal_topology_have_legal_and_different_names(
    names: Names,
) -> None:
    buckets = (names.artifact_bucket, names.staging_bucket, names.state_bucket)
    for bucket in buckets:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
        assert bucket.startswith(names.prefix)
        assert not bucket.endswith(("-s3alias", "--ol-s3", "--x-s3", "--table-s3"))
    assert len(set(buckets)) == 3
    assert names.environment.infrastructure_account in names.artifact_bucket
    assert names.environment.runtime_account in names.staging_bucket


def test_a_region_that_makes_a_bucket_name_too_long_is_replaced_by_its_fingerprint() -> None:
    longest = Environment(**PREPROD.model_dump() | {"name": "a" * 10, "region": "ap-southeast-1"})
    names = Names("o" * 16, longest)
    assert names.artifact_bucket == (
        "o" * 16 + "-" + "a" * 10 + "-artifacts-111111111111-" + fingerprint("ap-southeast-1")
    )
    assert len(names.artifact_bucket) == 63
    assert names.staging_bucket.endswith("-222222222222-ap-southeast-1")


@given(any_names, st.sampled_from(Role))
def test_a_role_name_fits_into_what_iam_allows(names: Names, role: Role) -> None:
    assert re.fullmatch(r"[\w+=,.@-]{1,64}", names.role(role))
    assert re.fullmatch(r"alias/[a-zA-Z0-9/_-]{1,250}", names.signing_key_alias)
    assert len(names.boundary) <= 128


@given(organizations, environments, services)
def test_every_service_has_a_legal_stack_name_with_the_environments_prefix(
    organization: str, environment: Environment, service: str
) -> None:
    name = Names(organization, environment).stack(service)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name)
    assert name.startswith(f"{organization}-{environment.name}-{service}")


@given(services)
def test_every_service_of_a_legal_name_has_a_stack_of_its_own(name: str) -> None:
    service = Service(name=name, path=".")
    assert NAMES.stack(service.name) == f"acme-preprod-{name}"


@given(st.text(), st.integers(1, 300))
def test_a_slug_is_short_and_has_only_letters_digits_and_inner_hyphens(
    text: str, limit: int
) -> None:
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(text, limit))
    assert len(slug(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("feature/Login page", 50, "feature-login-page"),
        ("Über--Größe_1", 50, "uber-gro-e-1"),
        ("abc-def", 4, "abc"),
        ("日本", 10, ""),
        ("--x--", 10, "x"),
    ],
)
def test_a_slug_keeps_what_can_be_kept(text: str, limit: int, expected: str) -> None:
    assert slug(text, limit) == expected


@given(st.lists(st.text() | st.integers(), min_size=1, max_size=4))
def test_any_text_gives_a_legal_session_name_and_a_legal_client_token(
    parts: list[str | int],
) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", session_name(*parts))
    assert re.fullmatch(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}", client_token(*parts))


@given(st.text(), st.text())
def test_two_texts_never_share_a_session_name_or_a_client_token(text: str, other: str) -> None:
    assume(text != other)
    assert session_name(text) != session_name(other)
    assert client_token(text) != client_token(other)


@pytest.mark.parametrize(
    "text", ["jo@example.com", "a" * 64, "run+1=2,3.4", "0b6f7a62-8a4e-4a9a-8f3c-2f0d5f1c9d11"]
)
def test_a_legal_session_name_stays_as_it_is(text: str) -> None:
    assert session_name(text) == text


@pytest.mark.parametrize("text", ["a", "", "a" * 65, "é" * 5, "two words", "line\n", "ab\n"])
def test_a_text_that_is_no_session_name_is_changed(text: str) -> None:
    assert session_name(text) != text


def test_parts_of_a_token_are_joined_by_hyphens() -> None:
    assert client_token("acme-preprod-orders", 12, 1) == "acme-preprod-orders-12-1"
    assert session_name("tiercel", 7) == "tiercel-7"


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_a_change_set_name_is_legal_and_tells_release_and_attempt(
    release: int, attempt: int
) -> None:
    name = change_set_name(release, attempt)
    assert re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name)
    assert re.findall(r"[0-9]+", name) == [str(release), str(attempt)]


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_release_and_attempt_are_read_back_from_the_name_of_a_change_set(
    release: int, attempt: int
) -> None:
    assert release_of(change_set_name(release, attempt)) == (release, attempt)


@pytest.mark.parametrize(
    "token",
    ["", "release-1", "release-x-attempt-1", "xrelease-1-attempt-1", "release-1-attempt-1\n"],
)
def test_a_token_that_somebody_else_made_names_no_release(token: str) -> None:
    assert release_of(token) is None


def test_a_run_name_says_what_is_done_where_to_what_at_which_commit() -> None:
    commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
    assert run_name("deploy", "preprod", "orders", commit) == "deploy preprod orders@1a2b3c4"
    assert run_name("deploy", "preprod", "shop", "feature/gifts") == (
        "deploy preprod shop@feature/gifts"
    )


@pytest.mark.parametrize(
    ("asked", "commit", "name"),
    [
        ("develop", "1a2b3c4" + "0" * 33, "deploy preprod shop@develop (1a2b3c4)"),
        ("1a2b3c4" + "0" * 33, "1a2b3c4" + "0" * 33, "deploy preprod shop@1a2b3c4"),
        ("", "1a2b3c4" + "0" * 33, "deploy preprod shop@1a2b3c4"),
        ("develop", "", "deploy preprod shop@develop"),
    ],
)
def test_a_run_that_a_branch_started_is_named_after_its_commit_too(
    asked: str, commit: str, name: str
) -> None:
    assert with_commit(run_name("deploy", "preprod", "shop", asked), asked, commit) == name


def test_the_commit_has_room_in_the_name_of_a_run_of_a_long_branch() -> None:
    branch = "feature/" + "x" * 200
    name = with_commit(run_name("deploy", "preprod", "shop", branch), branch, "1a2b3c4" + "0" * 33)
    assert name.endswith(" (1a2b3c4)")
    assert len(name) == 100


@pytest.mark.parametrize(
    ("deployment", "environment", "former"),
    [
        ("roll-back/roll-back-prod", "prod", "roll-back/prod"),
        ("promote-to-prod/promote-to-prod", "prod", "promote-to-prod/prod"),
        ("roll-back/roll-back-prod", "preprod", "roll-back/roll-back-prod"),
        ("detect-drift/weekly", "preprod", "detect-drift/weekly"),
        ("detect-drift/preprod", "preprod", "detect-drift/preprod"),
    ],
)
def test_a_deployment_of_ours_took_over_the_one_of_its_environment_and_others_took_none(
    deployment: str, environment: str, former: str
) -> None:
    assert former_deployment(deployment, environment) == former


@given(st.text(), st.text(), st.text(), st.text())
def test_hostile_text_in_a_run_name_stays_on_one_short_line(
    action: str, environment: str, service: str, commit: str
) -> None:
    name = run_name(action, environment, service, commit)
    assert len(name) <= 100
    assert len(name.splitlines()) == 1
    assert not [letter for letter in name if unicodedata.category(letter).startswith("C")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay\u202eload", "payload"),
        ("zero\u200bwidth", "zerowidth"),
        ("two\nlines\r\n", "two lines"),
        ("tab\tand\u2028separator", "tab and separator"),
        ("\x1b[31mred\x07", "[31mred"),
        ("bell\x00\x7f\x9b", "bell"),
        ("lone \udc80 surrogate", "lone surrogate"),
        ("private \ue000", "private"),
        ("0123456789", "0123456789"),
        ("0123456789a", "012345678…"),
        ("01234567   b", "01234567 b"),
        ("012345678 90", "012345678…"),
        ("Größe 日本", "Größe 日本"),
    ],
)
def test_printable_text_shows_what_it_contains(text: str, shown: str) -> None:
    assert printable(text, 10 if text[:1] == "0" else 50) == shown


@pytest.mark.parametrize(
    ("token", "attempt"),
    [
        ("", 0),
        ("release-7-attempt-2", 2),
        (client_token("continue_rollback", "release-7-attempt-3"), 3),
        ("release-8-attempt-2", 0),
        ("Console-DeleteStack-1234", 0),
    ],
)
def test_the_attempt_is_told_by_the_tokens_of_repairs_too(token: str, attempt: int) -> None:
    assert attempt_in(token, 7) == attempt
