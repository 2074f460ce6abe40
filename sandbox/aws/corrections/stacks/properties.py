"""Calls that hang on single properties of the types that stacks mostly have.

AWS publishes which actions a type's handlers may call, but not which property calls for which;
these are told by the reference of each type.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from tiercel.sandbox.aws.corrections.stacks.operation import Handler

# No call is made for these.
NOTHING = frozenset(
    {
        "AWS::CDK::Metadata",
        "AWS::CloudFormation::Macro",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
    }
)

# The action for a type whose own name is another.
CALLED = {
    ("AWS::IAM::ManagedPolicy", Handler.CREATE): "iam:CreatePolicy",
    ("AWS::IAM::ManagedPolicy", Handler.UPDATE): "iam:CreatePolicyVersion",
    ("AWS::IAM::ManagedPolicy", Handler.DELETE): "iam:DeletePolicy",
    ("AWS::KMS::Key", Handler.DELETE): "kms:ScheduleKeyDeletion",
    ("AWS::Lambda::Function", Handler.UPDATE): "lambda:UpdateFunctionConfiguration",
}

# What a property calls for when a resource is made with it, or when it changes.
SET = {
    "AWS::DynamoDB::Table": {
        "KinesisStreamSpecification": "dynamodb:EnableKinesisStreamingDestination",
        "PointInTimeRecoverySpecification": "dynamodb:UpdateContinuousBackups",
        "ResourcePolicy": "dynamodb:PutResourcePolicy",
        "TimeToLiveSpecification": "dynamodb:UpdateTimeToLive",
    },
    "AWS::IAM::Role": {"Policies": "iam:PutRolePolicy"},
    "AWS::KMS::Key": {"EnableKeyRotation": "kms:EnableKeyRotation"},
    "AWS::Lambda::Function": {"ReservedConcurrentExecutions": "lambda:PutFunctionConcurrency"},
    "AWS::Logs::LogGroup": {"RetentionInDays": "logs:PutRetentionPolicy"},
    "AWS::S3::Bucket": {
        "BucketEncryption": "s3:PutEncryptionConfiguration",
        "CorsConfiguration": "s3:PutBucketCORS",
        "LifecycleConfiguration": "s3:PutLifecycleConfiguration",
        "LoggingConfiguration": "s3:PutBucketLogging",
        "NotificationConfiguration": "s3:PutBucketNotification",
        "OwnershipControls": "s3:PutBucketOwnershipControls",
        "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
        "VersioningConfiguration": "s3:PutBucketVersioning",
        "WebsiteConfiguration": "s3:PutBucketWebsite",
    },
    "AWS::SNS::Topic": {"Subscription": "sns:Subscribe"},
}
# What it calls for in addition when it is given to a resource that exists.
CHANGED = {
    "AWS::IAM::Role": {
        "AssumeRolePolicyDocument": "iam:UpdateAssumeRolePolicy",
        "PermissionsBoundary": "iam:PutRolePermissionsBoundary",
    },
    "AWS::KMS::Key": {"KeyPolicy": "kms:PutKeyPolicy"},
    "AWS::Lambda::Function": {"Code": "lambda:UpdateFunctionCode"},
}
# What is called when the property goes, with the resource or before it.
GONE = {
    "AWS::IAM::Role": {
        "PermissionsBoundary": "iam:DeleteRolePermissionsBoundary",
        "Policies": "iam:DeleteRolePolicy",
    },
    "AWS::Lambda::Function": {"ReservedConcurrentExecutions": "lambda:DeleteFunctionConcurrency"},
}
GONE_WITH_THE_RESOURCE = frozenset({"iam:DeleteRolePolicy"})
