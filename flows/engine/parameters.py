"""The parameters of the flows as types: what the form says and checks, and what a run checks.

Prefect's server checks a run's parameters against the schema of its deployment. A run that
came past the server (the schema is not enforced, or nobody deployed) meets the same rules
before its first task.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, get_args

from prefect import Flow
from prefect.utilities.callables import parameter_schema
from pydantic import BeforeValidator, Field
from pydantic.fields import FieldInfo

from tiercel.domain.configuration.requests import (
    COMMIT_ID_PATTERN,
    ENVIRONMENT_OR_NONE_PATTERN,
    ENVIRONMENT_PATTERN,
    LARGEST_ID,
    LARGEST_NUMBER,
    LARGEST_RELEASE,
    LONGEST_HOURS,
    LONGEST_PURPOSE,
    LONGEST_REPOSITORY,
    LONGEST_REVISION,
    LONGEST_SERVICES,
    ON_DEMAND_NAME_PATTERN,
    OPTIONAL_REVISION_PATTERN,
    PLAN_DIGEST_PATTERN,
    PURPOSE_PATTERN,
    REVISION_PATTERN,
    SERVICES_PATTERN,
    STACK_PATTERN,
    require_commit_id,
    require_earlier_release,
    require_environment_name,
    require_given_on_demand_name,
    require_hours,
    require_id_on_github,
    require_live_of,
    require_on_demand_name,
    require_optional_revision,
    require_plan_digest,
    require_pull_request_number,
    require_pull_request_or_none,
    require_purpose,
    require_repository_name,
    require_revision,
    require_services,
    require_stack_name,
)
from tiercel.domain.organization.on_demand import EPHEMERAL_NAME_PATTERN
from tiercel.domain.organization.parts import REPOSITORY_PATTERN
from tiercel.domain.organization.topology import PREPROD, PROD

RepositoryParameter = Annotated[
    str,
    Field(
        title="Repository",
        pattern=REPOSITORY_PATTERN,
        max_length=LONGEST_REPOSITORY,
        examples=["acme/shop"],
    ),
    BeforeValidator(require_repository_name),
]
RevisionParameter = Annotated[
    str,
    Field(
        title="Commit or branch",
        min_length=1,
        pattern=REVISION_PATTERN,
        max_length=LONGEST_REVISION,
        examples=["develop", "0123456789abcdef0123456789abcdef01234567"],
    ),
    BeforeValidator(require_revision),
]
BranchParameter = Annotated[
    str,
    Field(
        title="Branch",
        min_length=1,
        pattern=REVISION_PATTERN,
        max_length=LONGEST_REVISION,
        examples=["gh-readonly-queue/main/pr-17-0123456789abcdef0123456789abcdef01234567"],
    ),
    BeforeValidator(require_revision),
]
CommitParameter = Annotated[
    str,
    Field(
        title="Head commit",
        pattern=COMMIT_ID_PATTERN,
        max_length=64,
        examples=["0123456789abcdef0123456789abcdef01234567"],
    ),
    BeforeValidator(require_commit_id),
]
PullRequestParameter = Annotated[
    int,
    Field(title="Pull request", ge=1, le=LARGEST_NUMBER, examples=[17]),
    BeforeValidator(require_pull_request_number),
]
EnvironmentParameter = Annotated[
    str,
    Field(
        title="Accounts of",
        pattern=ENVIRONMENT_PATTERN,
        max_length=10,
        examples=[PREPROD, PROD],
    ),
    BeforeValidator(require_environment_name),
]
ApprovedDigestParameter = Annotated[
    str,
    Field(
        title="Approved plan digest",
        pattern=PLAN_DIGEST_PATTERN,
        max_length=64,
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
    BeforeValidator(require_plan_digest),
]
StackParameter = Annotated[
    str,
    Field(
        title="Stack",
        pattern=STACK_PATTERN,
        max_length=128,
        examples=["acme-preprod-orders"],
    ),
    BeforeValidator(require_stack_name),
]
EarlierReleaseParameter = Annotated[
    int,
    Field(title="Release to go back to", ge=0, le=LARGEST_RELEASE, examples=[17]),
    BeforeValidator(require_earlier_release),
]
OptionalRevisionParameter = Annotated[
    str,
    Field(
        title="From a commit or branch",
        pattern=OPTIONAL_REVISION_PATTERN,
        max_length=LONGEST_REVISION,
        examples=["feature/login"],
    ),
    BeforeValidator(require_optional_revision),
]
OptionalPullRequestParameter = Annotated[
    int,
    Field(title="Or from a pull request", ge=0, le=LARGEST_NUMBER, examples=[17]),
    BeforeValidator(require_pull_request_or_none),
]
LiveOfParameter = Annotated[
    str,
    Field(
        title="Or from what is live in",
        pattern=ENVIRONMENT_OR_NONE_PATTERN,
        max_length=10,
        examples=[PREPROD, PROD],
    ),
    BeforeValidator(require_live_of),
]
ShadowedParameter = Annotated[
    str,
    Field(title="What is live in", pattern=ENVIRONMENT_PATTERN, max_length=10, examples=[PROD]),
    BeforeValidator(require_environment_name),
]
OnDemandNameParameter = Annotated[
    str,
    Field(title="Name", pattern=ON_DEMAND_NAME_PATTERN, max_length=20, examples=["login"]),
    BeforeValidator(require_on_demand_name),
]
EnvironmentOnDemandParameter = Annotated[
    str,
    Field(
        title="Environment on demand",
        min_length=2,
        pattern=EPHEMERAL_NAME_PATTERN,
        max_length=20,
        examples=["login"],
    ),
    BeforeValidator(require_given_on_demand_name),
]
ServicesParameter = Annotated[
    str,
    Field(
        title="Services",
        pattern=SERVICES_PATTERN,
        max_length=LONGEST_SERVICES,
        examples=["orders catalog"],
    ),
    BeforeValidator(require_services),
]
HoursParameter = Annotated[
    int,
    Field(title="Hours to live", ge=0, le=LONGEST_HOURS, examples=[8]),
    BeforeValidator(require_hours),
]
PurposeParameter = Annotated[
    str,
    Field(
        title="What it is for",
        pattern=PURPOSE_PATTERN,
        max_length=LONGEST_PURPOSE,
        examples=["show the new login"],
    ),
    BeforeValidator(require_purpose),
]
StandardModeParameter = Annotated[bool, Field(title="Wait for every resource")]
AskedByDeploymentParameter = Annotated[
    int,
    Field(title="Asked for by GitHub deployment", ge=0, le=LARGEST_ID, examples=[0]),
    BeforeValidator(require_id_on_github),
]
AskedByWorkflowRunParameter = Annotated[
    int,
    Field(title="Asked for by workflow run", ge=0, le=LARGEST_ID, examples=[0]),
    BeforeValidator(require_id_on_github),
]
AskedByLabelParameter = Annotated[bool, Field(title="Asked for by the label of pull requests")]
RevertDriftParameter = Annotated[
    bool, Field(title="Bring back what was changed past CloudFormation")
]
IfThereParameter = Annotated[bool, Field(title="It may be that there never was one")]
BootstrapParameter = Annotated[bool, Field(title="Create the bucket of the state")]
DryRunParameter = Annotated[bool, Field(title="Only show what would go")]
PlanOnlyParameter = Annotated[bool, Field(title="Only plan")]
AccountNameParameter = Annotated[
    str,
    Field(
        title="Alias of the RuntimeAccount",
        pattern=r"^[A-Za-z0-9-]{0,63}$",
        max_length=63,
        examples=["acme-preprod"],
    ),
]
BucketNamesParameter = Annotated[
    str,
    Field(
        title="Bucket names that may be lost",
        pattern=r"^[a-z0-9.,-]*$",
        max_length=4096,
        examples=["acme-preprod-uploads"],
    ),
]
GiveUpParameter = Annotated[bool, Field(title="Delete nothing more")]
ThenDeployParameter = Annotated[bool, Field(title="Deploy it afterwards")]


def form_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return the schema of a flow's parameters, as Prefect's form shows it.

    Prefect titles every field with the parameter's name and lets unknown parameters pass:
    here fields have the titles of their types, and what is unknown is refused.
    """
    schema = parameter_schema(flow).model_dump_for_openapi()
    for name, parameter in inspect.signature(flow.fn, eval_str=True).parameters.items():
        for extra in get_args(parameter.annotation):
            if isinstance(extra, FieldInfo) and extra.title:
                schema["properties"][name]["title"] = extra.title
    return schema | {"additionalProperties": False}
