"""Of every type in CloudFormation's list it is known what it needs before anything is planned."""

from __future__ import annotations

import fnmatch

import pytest

from tiercel.domain.organization.stack_rules import LISTED_SERVICES, STACK_SERVICES, StackRules
from tiercel.domain.stack.needed_actions import Handlers, lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.tasks.stack.service_role import (
    published_handlers,
    published_types,
    service_role_policies,
)

REGION = "us-east-1"
# What the role may do whatever is listed: stacks in stacks, and roles with the boundary.
OF_THE_FRAME = {
    "AWS::CloudFormation::ChangeSet",
    "AWS::CloudFormation::Stack",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
}
# CloudFormation makes these itself.
OF_NO_SERVICE = {
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::Macro",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "Alexa::ASK::Skill",
}


@pytest.fixture(scope="module")
def handlers() -> dict[str, Handlers]:
    return published_handlers(REGION, published_types(REGION))


def passing(handlers: dict[str, Handlers], *services: str) -> set[str]:
    """Return the types that verification lets pass where those services are listed."""
    role = service_role_policies(StackRules(services=services))
    changes = [Change(action="Add", logical_id=one, resource_type=one) for one in handlers]
    lacks = lacking_actions(changes, handlers, role).lacks
    return set(handlers) - {one.resource_type for one in lacks if one.certain}


def test_of_every_type_something_is_known(handlers: dict[str, Handlers]) -> None:
    assert set(published_types(REGION)) - set(handlers) == OF_NO_SERVICE


def test_without_its_service_no_type_passes(handlers: dict[str, Handlers]) -> None:
    found = passing(handlers, "logs") - OF_THE_FRAME
    assert [one for one in found if not one.startswith("AWS::Logs::")] == []


@pytest.mark.parametrize(
    ("service", "types"),
    [
        ("ec2", {"Instance", "InstanceConnectEndpoint", "KeyPair", "LaunchTemplate", "Volume"}),
        ("network-interfaces", {"NetworkInterface"}),
        (
            "vpc",
            {
                "DHCPOptions", "EIP", "EIPAssociation", "EgressOnlyInternetGateway", "FlowLog",
                "InternetGateway", "NatGateway", "NetworkAcl", "NetworkAclEntry", "Route",
                "RouteTable", "SecurityGroup", "SecurityGroupEgress", "SecurityGroupIngress",
                "SecurityGroupVpcAssociation", "Subnet", "SubnetNetworkAclAssociation",
                "SubnetRouteTableAssociation", "VPC", "VPCCidrBlock", "VPCDHCPOptionsAssociation",
                "VPCEndpoint", "VPCGatewayAttachment",
            },
        ),
    ],
)  # fmt: skip
def test_each_service_of_ec2_lets_its_own_types_pass(
    handlers: dict[str, Handlers], service: str, types: set[str]
) -> None:
    found = {one.rpartition("::")[2] for one in passing(handlers, service) if "::EC2::" in one}
    # Types that no template of the corpus has, whose actions are called like those of others.
    strange = ("*Gateway*Route*", "*Pool*", "IPAM*", "NetworkInsights*", "SqlHa*", "*VPN*", "*Vpn*")
    others = ({"NetworkInterface"} if service == "ec2" else set()) | types
    assert types <= found
    assert {
        one for one in found - others if not any(fnmatch.fnmatch(one, each) for each in strange)
    } == set()


@pytest.mark.parametrize(
    ("one", "service"),
    [
        ("AWS::AutoScaling::AutoScalingGroup", "autoscaling"),
        ("AWS::CodeBuild::Project", "codebuild"),
        ("AWS::CodePipeline::Pipeline", "codepipeline"),
        ("AWS::DocDB::DBCluster", "rds"),
        ("AWS::EC2::Instance", "ec2"),
        ("AWS::ECS::TaskDefinition", "ecs"),
        ("AWS::ElasticLoadBalancingV2::ListenerCertificate", "elasticloadbalancing"),
        ("AWS::IAM::InstanceProfile", "ec2"),
        ("AWS::IAM::ManagedPolicy", "managed-policies"),
        ("AWS::IoT::Thing", "iot"),
        ("AWS::MSK::ServerlessCluster", "kafka"),
        ("AWS::Route53::RecordSetGroup", "route53"),
    ],
)
def test_a_type_passes_with_its_service_and_with_no_other(
    handlers: dict[str, Handlers], one: str, service: str
) -> None:
    everything = STACK_SERVICES + LISTED_SERVICES
    some = {one: handlers[one]}
    assert passing(some, "logs", service) == {one}
    assert passing(some, *(name for name in everything if name != service)) == set()


def test_users_and_what_watches_the_account_pass_with_no_service(
    handlers: dict[str, Handlers],
) -> None:
    found = passing(handlers, *STACK_SERVICES, *LISTED_SERVICES)
    for one in ("IAM::AccessKey", "IAM::OIDCProvider", "IAM::User", "CloudTrail::Trail",
                "Config::ConfigRule", "CloudFormation::StackSet", "RAM::ResourceShare",
                "EC2::VPCPeeringConnection"):  # fmt: skip
        assert f"AWS::{one}" not in found
