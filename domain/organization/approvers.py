"""Who may give a word for a promotion, as the worker's own tiercel.toml lists them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.parts import GitHubId

IDENTITY_CENTER = "AWSReservedSSO_"
"""Begins the names of the roles that IAM Identity Center makes; it names their sessions itself.

https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
"""
_NAMED = r"[A-Za-z0-9_+=,.@-]"
_SESSION = re.compile(
    rf"(arn:aws[a-z-]*):sts::([0-9]{{12}}):assumed-role/({_NAMED}{{1,64}})/{_NAMED}{{2,64}}"
)
ApproverName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
ApproverPrincipal = Annotated[
    str,
    StringConstraints(
        pattern=r"^(arn:aws[a-z-]*:(iam::[0-9]{12}:user/[A-Za-z0-9_+=,.@/-]{1,576}"
        rf"|sts::[0-9]{{12}}:assumed-role/{_NAMED}{{1,64}}/{_NAMED}{{2,64}}))?$"
    ),
    Field(description="the ARN of an IAM user, or of a session of a role"),
]
PinnedRole = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@-]{1,64}$"),
    Field(description="the ARN of a role, without its path"),
]


class Approver(Frozen):
    """A person whose word counts, by the number that GitHub gives his account.

    GitHub gives no number a second time, whoever may take a login. `aws` is what STS calls him,
    empty if he gives his word on GitHub alone.
    """

    name: ApproverName
    github: GitHubId
    aws: ApproverPrincipal = ""


def vouches_for_a_person(principal: str, pinned: tuple[str, ...]) -> bool:
    """Tell whether AWS says with a principal's ARN who it is.

    A session's name is chosen by whoever assumes the role. It tells a person only where Identity
    Center chooses it, or where a role of `pinned`, as ARN, has a trust that lets nobody choose
    (`sts:RoleSessionName` with `${aws:username}`). A user of IAM is one by his own ARN.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    if re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:user/.+", principal):
        return True
    session = _SESSION.fullmatch(principal)
    if session is None:
        return False
    partition, account, role = session.groups()
    role_arn = f"{partition}:iam::{account}:role/{role}"
    return role.startswith(IDENTITY_CENTER) or role_arn in pinned
