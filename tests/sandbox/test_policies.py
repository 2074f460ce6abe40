from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.sandbox.support import TOPOLOGY
from tests.support.topology import topology_of
from tiercel.domain.accounts.provisioning import policy_values
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import Role
from tiercel.domain.organization.stack_rules import LISTED_SERVICES, STACK_SERVICES
from tiercel.domain.organization.topology import BuildNetwork
from tiercel.sandbox.accounts.templates import policy_folder, policy_names, render
from tiercel.tasks.engine.policy_files import require_fitting_policies

KEYS = {
    "artifact_key_arn": "arn:aws:kms:eu-central-1:111111111111:key/1",
    "signing_key_arn": "arn:aws:kms:eu-central-1:111111111111:key/2",
}
PLACE = "arn:aws:ec2:eu-central-1:111111111111"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
INLINE_ROLE_POLICY_LIMIT = 10_240
MANAGED_POLICY_LIMIT = 6_144
ROOT_TEXT = (Path(__file__).parents[2] / "tiercel.toml").read_text()
TRUST_POLICY_LIMIT = 2_048
BUCKET_POLICY_LIMIT = 20_480


def rendered(name: str, environment: str = "preprod") -> dict[str, Any]:
    return render(name, policy_values(TOPOLOGY, environment) | KEYS)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_has_a_trust_and_a_permissions_policy() -> None:
    wanted = {f"{role}-{kind}" for role in Role for kind in ("trust", "permissions")}
    assert wanted <= set(policy_names())


@pytest.mark.parametrize("environment", ["preprod", "prod"])
@pytest.mark.parametrize("name", policy_names())
def test_a_policy_renders_to_statements_that_say_why(name: str, environment: str) -> None:
    policy = rendered(name, environment)
    assert policy["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", sid) for sid in sids)
    assert "${" not in json.dumps(policy)


@pytest.mark.parametrize("name", policy_names())
def test_no_policy_allows_everything(name: str) -> None:
    for statement in rendered(name)["Statement"]:
        if statement["Effect"] == "Allow":
            assert "*" not in as_list(statement["Action"])
            if "*" in as_list(statement.get("Principal", {}).get("AWS", [])):
                pytest.fail(f"{statement['Sid']} trusts everybody")


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_fits_where_it_is_attached(name: str) -> None:
    limits = {
        "-trust": TRUST_POLICY_LIMIT,
        "-permissions": INLINE_ROLE_POLICY_LIMIT,
        "-boundary": MANAGED_POLICY_LIMIT,
        "-bucket": BUCKET_POLICY_LIMIT,
        "-key": 32_768,
    }
    limit = next(size for ending, size in limits.items() if name.endswith(ending))
    text = json.dumps(rendered(name, "prod"), separators=(",", ":"))
    assert len(text) <= limit


@pytest.mark.parametrize("name", policy_names())
def test_a_template_means_the_same_to_terraform(name: str) -> None:
    text = (policy_folder() / f"{name}.json").read_text()
    placeholders = Template(text).get_identifiers()
    assert set(placeholders) <= policy_values(TOPOLOGY, "prod").keys() | KEYS.keys()
    assert text.count("$") == len(re.findall(r"\$\{[a-z_]+\}", text))
    assert "%{" not in text


def test_every_service_of_stacks_has_a_fragment_and_no_fragment_is_idle() -> None:
    folder = policy_folder() / "services"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(
        STACK_SERVICES + LISTED_SERVICES
    )
    for path in folder.iterdir():
        assert set(json.loads(path.read_text())) - {"share"} == {"manage", "use", "read"}


# What changes who may do what: identities, policies of resources, keys, grants, stacks, code.
MANAGES = re.compile(
    r"(iam|sts|cloudformation|organizations|sso):.*|.*:(?!Get|List|Describe).*(Polic|Permission"
    r"|Acl|Grant|Trust|Tag|Role|Code|Key(?!Pair)|Alias|Version\b).*"
)
SPARED = {"kms:Generate*", "secretsmanager:*SecretV*"}


@pytest.mark.parametrize("service", STACK_SERVICES + LISTED_SERVICES)
def test_what_functions_use_beside_the_service_roles_manages_nothing(service: str) -> None:
    fragment = json.loads((policy_folder() / "services" / f"{service}.json").read_text())
    for statement in fragment["use"]:
        assert statement["Effect"] == "Allow"
        used = set(as_list(statement["Action"])) - SPARED
        assert [one for one in used if MANAGES.fullmatch(one)] == []
        assert [one for one in used if one.endswith(":*")] == []


def test_the_boundary_says_all_that_the_service_role_may_and_only_use_besides() -> None:
    role, boundary = rendered("cloudformation-permissions"), rendered("cloudformation-boundary")
    bounded = {one["Sid"]: one for one in boundary["Statement"]}
    for statement in role["Statement"]:
        said = set(as_list(statement["Action"]))
        assert said <= set(as_list(bounded[statement["Sid"]]["Action"]))
        if statement["Sid"] != "UseAnything":
            assert bounded[statement["Sid"]] == statement
    more = bounded.keys() - {one["Sid"] for one in role["Statement"]}
    assert {sid: bounded[sid]["Effect"] for sid in more} == {"OnlyTheServiceRole": "Deny"}


LONGEST = """
organization = {{ name = "{name}" }}
[environments.preprod]
branch = "develop"
region = "{region}"
infrastructure_account = "111111111111"
runtime_account = "222222222222"
external_id = "acme-preprod-1f6a2c"
[environments.prod]
branch = "main"
region = "{region}"
infrastructure_account = "333333333333"
runtime_account = "444444444444"
external_id = "acme-prod-93be07"
[environments.{environment}]
branch = "staging"
region = "{region}"
infrastructure_account = "555555555555"
runtime_account = "666666666666"
external_id = "acme-staging-93be07"
"""


@pytest.mark.parametrize("region", ["ap-southeast-1", "us-gov-west-1", "cn-northwest-1"])
def test_the_policies_of_any_names_fit(region: str) -> None:
    text = LONGEST.format(name="a" * 16, environment="b" * 10, region=region)
    require_fitting_policies(parse_topology(text), "tiercel.toml")


def test_names_with_a_prefix_of_usual_length_fit_and_a_choice_that_does_not_is_refused() -> None:
    strict = '[environments.preprod.stacks]\nnames = "prefix"\n'
    require_fitting_policies(topology_of("acme/shop", more=strict), "tiercel.toml")
    many = ", ".join(f'"arn:aws:sqs:eu-central-1:222222222222:queue-{n}"' for n in range(20))
    text = strict + f"protect = [{many}]\n"
    with pytest.raises(ConfigurationError) as refusal:
        require_fitting_policies(topology_of("acme/shop", more=text), "tiercel.toml")
    assert refusal.value.code == "configuration.policy_too_long"


def test_no_machine_works_with_a_role_of_stacks_unless_its_service_is_listed() -> None:
    passed = {
        statement["Sid"]: as_list(statement["Condition"]["StringLike"]["iam:PassedToService"])
        for statement in rendered("cloudformation-boundary")["Statement"]
        if statement["Action"] == "iam:PassRole"
    }
    machines = {"batch.*", "codebuild.*", "ec2.*", "ecs-tasks.*", "sagemaker.*"}
    assert list(passed) == ["PassRolesToServices"]
    assert machines.isdisjoint(passed["PassRolesToServices"])
    assert "iam:*InstanceProfile" not in json.dumps(rendered("cloudformation-boundary"))


def test_prod_pulls_from_preprod_and_nobody_pulls_from_prod() -> None:
    preprod, prod = (policy_values(TOPOLOGY, name) for name in ("preprod", "prod"))
    assert preprod["puller_role_arns"] == "arn:aws:iam::333333333333:role/acme-prod-orchestrator"
    assert prod["puller_role_arns"] == "arn:aws:iam::333333333333:role/acme-prod-orchestrator"
    assert prod["source_bucket"] == preprod["artifact_bucket"]
    assert preprod["source_bucket"] == preprod["artifact_bucket"]
    foreign = {"111111111111", "222222222222"}
    for name in policy_names():
        if name not in {"orchestrator-permissions"}:
            assert not [account for account in foreign if account in prod_text(name)], name


def prod_text(name: str) -> str:
    keys = {key: arn.replace("111111111111", "333333333333") for key, arn in KEYS.items()}
    return json.dumps(render(name, policy_values(TOPOLOGY, "prod") | keys))


def test_every_repository_may_trigger_and_without_any_nobody_may() -> None:
    statement = rendered("trigger-trust")["Statement"][0]
    subject = "token.actions.githubusercontent.com:sub"
    assert statement["Condition"]["StringLike"][subject] == ["repo:acme/shop:environment:preprod"]
    two = TOPOLOGY.organization.model_copy(update={"repositories": ("acme/a", "acme/b")})
    for repositories, subjects in (
        (two, ["repo:acme/a:environment:preprod", "repo:acme/b:environment:preprod"]),
        (two.model_copy(update={"repositories": ()}), ["repo:-/-"]),
    ):
        topology = TOPOLOGY.model_copy(update={"organization": repositories})
        policy = render("trigger-trust", policy_values(topology, "preprod"))
        assert policy["Statement"][0]["Condition"]["StringLike"][subject] == subjects


@pytest.mark.parametrize("name", ["builder-permissions", "verifier-permissions"])
def test_builds_in_a_network_have_interfaces_in_its_subnets_alone(name: str) -> None:
    network = BuildNetwork(
        vpc="vpc-01234567",
        subnets=("subnet-01234567", "subnet-89abcdef"),
        security_groups=("sg-01234567",),
    )
    place = TOPOLOGY.environment("preprod").model_copy(update={"build_network": network})
    environments = TOPOLOGY.environments | {"preprod": place}
    topology = TOPOLOGY.model_copy(update={"environments": environments})
    policy = render(name, policy_values(topology, "preprod"))
    assert policy["Statement"][:1] == rendered(name)["Statement"]
    by_sid = {one["Sid"]: one for one in policy["Statement"][1:]}
    subnets = [f"{PLACE}:subnet/{one}" for one in network.subnets]
    assert by_sid["HaveInterfacesInOwnSubnets"]["Resource"] == [
        f"{PLACE}:network-interface/*",
        f"{PLACE}:security-group/sg-01234567",
        *subnets,
    ]
    for sid in ("GiveUpOwnInterfaces", "LendInterfacesToCodeBuild"):
        assert by_sid[sid]["Condition"]["ArnEquals"]["ec2:Subnet"] == subnets
    assert all(one.startswith("ec2:Describe") for one in by_sid["SeeOwnNetwork"]["Action"])
    assert len(json.dumps(policy, separators=(",", ":"))) <= INLINE_ROLE_POLICY_LIMIT


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="artifact_key_arn"):
        render("artifact-bucket", policy_values(TOPOLOGY, "preprod"))
    with pytest.raises(FileNotFoundError):
        render("absent", {})


def test_policies_of_environments_on_demand_fit_with_what_is_shared() -> None:
    """In a pattern of IAM's no wildcard stands for a service, so each one is named."""
    topology = parse_topology(ROOT_TEXT.replace("share = []", 'share = ["storage"]'))
    require_fitting_policies(topology, "tiercel.toml")
    values = policy_values(topology, "ephemeral") | KEYS
    boundary = render("ephemeral-boundary", values)
    arns = [arn for one in boundary["Statement"] for arn in as_list(one.get("Resource", []))]
    assert not [arn for arn in arns if arn.startswith("arn:") and arn.split(":")[2] == "*"]
    shared = next(one for one in boundary["Statement"] if one["Sid"] == "UseWhatIsShared")
    assert all("acme-preprod-storage-" in arn for arn in shared["Resource"])


def test_without_anything_shared_the_boundary_lends_nothing() -> None:
    values = policy_values(parse_topology(ROOT_TEXT), "ephemeral") | KEYS
    sids = [one["Sid"] for one in render("ephemeral-boundary", values)["Statement"]]
    assert "UseWhatIsShared" not in sids
    assert "UseAnything" in sids
