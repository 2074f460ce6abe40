"""The words of tiercel.toml: what a name, an account, a region or a path may look like."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_RESERVED_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_LONGEST_PATH = 1024
_LONGEST_PARAMETER = 4096
_OWNER = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}"
_REPOSITORY = r"[.]{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]{0,97}"
REPOSITORY_PATTERN = f"^{_OWNER}/{_REPOSITORY}$"
"""What GitHub takes as `owner/name`."""


def _unreserved(organization: str) -> str:
    if f"{organization}-".startswith(_RESERVED_BUCKET_PREFIXES):
        raise ValueError("S3 reserves bucket names that start like this")
    return organization


def _short_in_bytes(value: str) -> str:
    if len(value.encode(errors="replace")) > _LONGEST_PARAMETER:
        raise ValueError(f"must not be longer than {_LONGEST_PARAMETER} bytes")
    return value


AccountId = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{12}$"), Field(description="12 digits, in quotes")
]
Principal = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9]{12}|[0-9a-f]{64}|o-[a-z0-9]{10,32}|\*)$"),
    Field(description="an account, the canonical id of one, an organization, or * for everybody"),
]
RemotePlace = Annotated[
    str,
    StringConstraints(pattern=r"^(s3|https)://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*/$"),
    Field(description="s3://BUCKET/ or a folder there, ending in /"),
]
ImagePlace = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9._-]+)*/?$"),
    Field(description="a registry or a part of one, ending in /, or one image without its tag"),
]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$")]
OrganizationName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,14}[a-z0-9]$"),
    AfterValidator(_unreserved),
]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
ServiceParameter = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]\.[A-Za-z0-9]{1,255}$"),
    Field(description="SERVICE.Parameter"),
]
OneRepository = Annotated[str, StringConstraints(pattern=REPOSITORY_PATTERN)]
RepositoryName = Annotated[str, StringConstraints(pattern=rf"^{_OWNER}/({_REPOSITORY}|[*])$")]
OwnerOrRepository = Annotated[str, StringConstraints(pattern=rf"^{_OWNER}(/{_REPOSITORY})?$")]
GitHubId = Annotated[int, Field(strict=True, ge=1, le=10**15)]
AccessPortal = Annotated[str, StringConstraints(pattern=r"^(https://[A-Za-z0-9./-]{1,200})?$")]
ConsoleRole = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@_-]{1,32}$")]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
IndexHost = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?$"),
    Field(description="a host in lower case, with `:PORT` if it is not 443"),
]
VpcId = Annotated[str, StringConstraints(pattern=r"^(vpc-[0-9a-f]{8,17})?$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]
SecurityGroupId = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]{8,17}$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]+$", max_length=1024)]
LogicalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,255}$")]
Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
ParameterValue = Annotated[
    str, StringConstraints(max_length=_LONGEST_PARAMETER), AfterValidator(_short_in_bytes)
]
Parameters = Annotated[dict[LogicalId, ParameterValue], Field(max_length=200)]


def relative_path(path: str) -> str:
    """Return the path normalized; ValueError unless it stays inside the repository."""
    if not path or "\\" in path or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", path):
        raise ValueError("must be a path with forward slashes and no control characters")
    if len(path) > _LONGEST_PATH:
        raise ValueError(f"must not be longer than {_LONGEST_PATH} characters")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ValueError("must stay inside the repository: no leading `/` and no `..`")
    return str(pure)
