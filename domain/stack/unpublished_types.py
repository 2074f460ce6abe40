"""What types need of which AWS publishes no handlers, by how their actions are called.

A type that is not known would pass every check and fail while the stack is made. Most are older
than the schemas, and their actions are named after them; `_MADE_BY` has those that are not:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Mapping

from tiercel.domain.stack.needed_actions import SERVICE_PREFIXES, Handlers

_MADE_BY: Mapping[str, tuple[str, str]] = {
    "AWS::CloudWatch::AnomalyDetector": (
        "cloudwatch:PutAnomalyDetector",
        "cloudwatch:DeleteAnomalyDetector",
    ),
    "AWS::EC2::ClientVpnTargetNetworkAssociation": (
        "ec2:AssociateClientVpnTargetNetwork",
        "ec2:DisassociateClientVpnTargetNetwork",
    ),
    "AWS::EMR::Cluster": ("elasticmapreduce:RunJobFlow", "elasticmapreduce:TerminateJobFlows"),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": (
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:RemoveListenerCertificates",
    ),
    "AWS::IAM::UserToGroupAddition": ("iam:AddUserToGroup", "iam:RemoveUserFromGroup"),
    "AWS::Route53::RecordSetGroup": (
        "route53:ChangeResourceRecordSets",
        "route53:ChangeResourceRecordSets",
    ),
}
# CloudFormation makes these itself, or asks for what they stand for.
_OF_NO_SERVICE = ("CDK", "CloudFormation")


def handlers_by_name(resource_type: str) -> Handlers:
    """Return what a type of AWS needs that publishes nothing; empty for what is no such type."""
    vendor, _, rest = resource_type.partition("::")
    service, _, name = rest.partition("::")
    if vendor != "AWS" or not name or service in _OF_NO_SERVICE:
        return {}
    prefix = SERVICE_PREFIXES.get(service, service.lower())
    plain = (f"{prefix}:Create{name}", f"{prefix}:Delete{name}")
    create, delete = _MADE_BY.get(resource_type, plain)
    return {"create": (create,), "delete": (delete,)}
