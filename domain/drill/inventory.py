"""What an environment's RuntimeAccount holds: its stacks, their resources and their data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from tiercel.domain.base.digests import Sha256
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.stack.events import STACK_TYPE
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE, StackResource

QUEUE_TYPE = "AWS::SQS::Queue"
TABLE_TYPE = "AWS::DynamoDB::Table"
GLOBAL_TABLE_TYPE = "AWS::DynamoDB::GlobalTable"
_RETAINING = ("Retain", "RetainExceptOnCreate")
NAMED_BY: Mapping[str, str] = {
    BUCKET_TYPE: "BucketName",
    QUEUE_TYPE: "QueueName",
    TABLE_TYPE: "TableName",
    GLOBAL_TABLE_TYPE: "TableName",
    "AWS::AmazonMQ::Broker": "BrokerName",
    "AWS::ApiGateway::DomainName": "DomainName",
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::Athena::WorkGroup": "Name",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::Batch::ComputeEnvironment": "ComputeEnvironmentName",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::Cassandra::Keyspace": "KeyspaceName",
    "AWS::Cassandra::Table": "TableName",
    "AWS::CodeArtifact::Domain": "DomainName",
    "AWS::CodeArtifact::Repository": "RepositoryName",
    "AWS::CodeBuild::Project": "Name",
    "AWS::CodeCommit::Repository": "RepositoryName",
    "AWS::CodePipeline::Pipeline": "Name",
    "AWS::Cognito::UserPoolDomain": "Domain",
    "AWS::DAX::Cluster": "ClusterName",
    "AWS::DocDB::DBCluster": "DBClusterIdentifier",
    "AWS::DocDB::DBInstance": "DBInstanceIdentifier",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::EKS::Cluster": "Name",
    "AWS::ElastiCache::CacheCluster": "ClusterName",
    "AWS::ElastiCache::ReplicationGroup": "ReplicationGroupId",
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::Elasticsearch::Domain": "DomainName",
    "AWS::Events::Archive": "ArchiveName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Glue::Crawler": "Name",
    "AWS::Glue::Database": "DatabaseName",
    "AWS::Glue::Job": "Name",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MSK::Cluster": "ClusterName",
    "AWS::MSK::ServerlessCluster": "ClusterName",
    "AWS::MemoryDB::Cluster": "ClusterName",
    "AWS::Neptune::DBCluster": "DBClusterIdentifier",
    "AWS::Neptune::DBInstance": "DBInstanceIdentifier",
    "AWS::OpenSearchServerless::Collection": "Name",
    "AWS::OpenSearchService::Domain": "DomainName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBClusterParameterGroup": "DBClusterParameterGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::RDS::DBProxy": "DBProxyName",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::RDS::GlobalCluster": "GlobalClusterIdentifier",
    "AWS::Redshift::Cluster": "ClusterIdentifier",
    "AWS::RedshiftServerless::Namespace": "NamespaceName",
    "AWS::RedshiftServerless::Workgroup": "WorkgroupName",
    "AWS::S3Express::DirectoryBucket": "BucketName",
    "AWS::S3Tables::TableBucket": "TableBucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SSM::Document": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Timestream::Database": "DatabaseName",
    "AWS::Timestream::Table": "TableName",
    "AWS::WAFv2::IPSet": "Name",
    "AWS::WAFv2::WebACL": "Name",
}
"""The property by which a template names a resource so that there is no second one of that name;
without it CloudFormation names it."""
NEW_IDS_BESIDE_NAMES = frozenset(
    {
        "AWS::AmazonMQ::Broker",
        "AWS::CodeCommit::Repository",
        "AWS::EC2::LaunchTemplate",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::MSK::Cluster",
        "AWS::MSK::ServerlessCluster",
        "AWS::OpenSearchServerless::Collection",
        "AWS::SecretsManager::Secret",
        "AWS::WAFv2::IPSet",
        "AWS::WAFv2::WebACL",
    }
)
"""What has another id each time it is made, however its template names it."""


class DataKind(StrEnum):
    """What holds data that nobody can build again; what the first three hold is counted."""

    BUCKET = "bucket"
    TABLE = "table"
    QUEUE = "queue"
    BROKER = "broker"
    CACHE = "cache"
    DATABASE = "database"
    FILE_SYSTEM = "file system"
    SEARCH = "search domain"
    STREAM = "stream"
    USER_POOL = "user pool"
    VOLUME = "volume"


DATA_KINDS: Mapping[str, DataKind] = {
    BUCKET_TYPE: DataKind.BUCKET,
    TABLE_TYPE: DataKind.TABLE,
    GLOBAL_TABLE_TYPE: DataKind.TABLE,
    QUEUE_TYPE: DataKind.QUEUE,
    "AWS::AmazonMQ::Broker": DataKind.BROKER,
    "AWS::Cassandra::Table": DataKind.DATABASE,
    "AWS::Cognito::UserPool": DataKind.USER_POOL,
    "AWS::DocDB::DBCluster": DataKind.DATABASE,
    "AWS::DSQL::Cluster": DataKind.DATABASE,
    "AWS::EC2::Volume": DataKind.VOLUME,
    "AWS::EFS::FileSystem": DataKind.FILE_SYSTEM,
    "AWS::ElastiCache::CacheCluster": DataKind.CACHE,
    "AWS::ElastiCache::ReplicationGroup": DataKind.CACHE,
    "AWS::ElastiCache::ServerlessCache": DataKind.CACHE,
    "AWS::Elasticsearch::Domain": DataKind.SEARCH,
    "AWS::FSx::FileSystem": DataKind.FILE_SYSTEM,
    "AWS::Kinesis::Stream": DataKind.STREAM,
    "AWS::MSK::Cluster": DataKind.BROKER,
    "AWS::MSK::ServerlessCluster": DataKind.BROKER,
    "AWS::MemoryDB::Cluster": DataKind.DATABASE,
    "AWS::Neptune::DBCluster": DataKind.DATABASE,
    "AWS::OpenSearchServerless::Collection": DataKind.SEARCH,
    "AWS::OpenSearchService::Domain": DataKind.SEARCH,
    "AWS::RDS::DBCluster": DataKind.DATABASE,
    "AWS::RDS::DBInstance": DataKind.DATABASE,
    "AWS::Redshift::Cluster": DataKind.DATABASE,
    "AWS::RedshiftServerless::Namespace": DataKind.DATABASE,
    "AWS::Timestream::InfluxDBInstance": DataKind.DATABASE,
    "AWS::Timestream::Table": DataKind.DATABASE,
}
_COUNTED_IN: Mapping[DataKind, str] = {
    DataKind.BUCKET: "objects",
    DataKind.TABLE: "items",
    DataKind.QUEUE: "messages",
}


def name_in(physical_id: str) -> str:
    """Return the name that an approval knows: without the address of a queue, or an ARN's front."""
    if physical_id.startswith("arn:"):
        return physical_id.split(":", 5)[-1].partition("/")[2] or physical_id.rpartition(":")[2]
    return physical_id.rpartition("/")[2]


class SeenResource(Frozen):
    """A resource of a stack: where it stands, its name, and what becomes of it with its stack.

    `named` tells whether the template gives it its name, `retained` whether it stays when the
    stack goes.
    """

    path: str
    physical_id: str
    resource_type: str
    named: bool = False
    retained: bool = False


class HeldData(Frozen):
    """Data of a stack: `items` (objects, items, messages) and `size` in bytes, None if unknown."""

    kind: DataKind
    name: str
    path: str
    items: int | None = None
    size: int | None = None

    def line(self) -> str:
        """Return what is held, in words."""
        if self.kind not in _COUNTED_IN:
            return f"{self.kind} {self.name}: whatever it holds"
        count = "an unknown number of" if self.items is None else f"{self.items:,}"
        size = "" if self.size is None else f", {self.size:,} bytes"
        return f"{self.kind} {self.name}: {count} {_COUNTED_IN[self.kind]}{size}"


class SeenStack(Frozen):
    """A stack as it is: `token` is that of its newest operation, `imported_by` names stacks."""

    name: str
    stack_id: str
    service: str
    status: StackStatus
    token: str
    tags: dict[str, str]
    protected: bool
    template_sha256: Sha256
    parameters: dict[str, str]
    outputs: dict[str, str]
    imported_by: tuple[str, ...] = ()
    resources: tuple[SeenResource, ...] = ()
    data: tuple[HeldData, ...] = ()

    @property
    def stack(self) -> Stack:
        """The stack without what it contains."""
        return Stack(
            stack_id=self.stack_id,
            name=self.name,
            status=self.status,
            reason="",
            outputs=self.outputs,
            token=self.token,
            tags=self.tags,
            protected=self.protected,
        )


class Inventory(Frozen):
    """All stacks of an environment by name. `alias` is the account's own name, or its id."""

    account: str
    alias: str
    at: datetime
    stacks: tuple[SeenStack, ...]


def seen_resources(
    listed: Iterable[StackResource], templates: Mapping[str, TemplateDocument]
) -> tuple[SeenResource, ...]:
    """Return a stack's resources with what the processed templates say of them.

    `listed` has a nested stack before its own, `templates` each by the path of its nested stack,
    the stack's own by an empty one. What is nested in a stack that is retained stays with it.
    """
    found: list[SeenResource] = []
    kept: set[str] = set()
    for one in listed:
        said = _said(templates.get(one.nested_in, {}), one.logical_id)
        retained = one.nested_in in kept or said.get("DeletionPolicy") in _RETAINING
        if retained:
            kept.add(one.path)
        if one.resource_type == STACK_TYPE and one.nested_in:
            continue
        found.append(
            SeenResource(
                path=one.path,
                physical_id=one.physical_id,
                resource_type=one.resource_type,
                named=NAMED_BY.get(one.resource_type, "") in _mapping(said.get("Properties")),
                retained=retained,
            )
        )
    return tuple(found)


def _said(template: TemplateDocument, logical_id: str) -> TemplateDocument:
    return _mapping(_mapping(template.get("Resources")).get(logical_id))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
