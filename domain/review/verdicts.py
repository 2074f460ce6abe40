"""What became of the services of a pull request."""

from __future__ import annotations

from tiercel.domain.base.values import Frozen
from tiercel.domain.review.statuses import Status
from tiercel.domain.review.template_permissions import PermissionChange
from tiercel.domain.stack.plan import Change


class ServiceVerdict(Frozen):
    """What became of one service of a pull request, and how its template changes."""

    service: str
    status: Status
    changes: tuple[Change, ...] = ()
    permissions: PermissionChange = PermissionChange()
