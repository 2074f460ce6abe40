"""What an environment's RuntimeAccount holds: its stacks, their resources and their data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from tiercel.domain.base.digests import Sha256
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE

QUEUE_TYPE = "AWS::SQS::Queue"
TABLE_TYPE = "AWS::DynamoDB::Table"
GLOBAL_TABLE_TYPE = "AWS::DynamoDB::GlobalTable"
_RETAINING = ("Retain", "RetainExceptOnCreate")
# The property by which a template names a resource; others are named by CloudFormation.
_NAMED_BY: Mapping[str, str] = {
    BUCKET_TYPE: "BucketName",
    QUEUE_TYPE: "QueueName",
    TABLE_TYPE: "TableName",
    GLOBAL_TABLE_TYPE: "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SSM::Parameter": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


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


def seen_resource(
    path: str, physical_id: str, resource_type: str, template: TemplateDocument
) -> SeenResource:
    """Return a stack's own resource, with what its processed template says of it."""
    resources = template.get("Resources")
    said = resources.get(path) if isinstance(resources, dict) else None
    said = said if isinstance(said, dict) else {}
    properties = said.get("Properties")
    properties = properties if isinstance(properties, dict) else {}
    return SeenResource(
        path=path,
        physical_id=physical_id,
        resource_type=resource_type,
        named=_NAMED_BY.get(resource_type, "") in properties,
        retained=said.get("DeletionPolicy") in _RETAINING,
    )
