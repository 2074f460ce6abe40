"""What the stand-in remembers: applications, groups, configurations and deployments.

Each record is what its operation answers with; those of an account and region are apart.
"""

from __future__ import annotations

import copy
import secrets
import string
import threading
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

CodeDeployObject = dict[str, Any]

_LETTERS = string.ascii_uppercase + string.digits


class CodeDeployError(Exception):
    """A refusal: the name of one of CodeDeploy's exceptions, and its message."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code, self.message = code, message


class CodeDeployRecords:
    """Everything there is, by name; a group by its application and its own name."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lock = threading.RLock()
        self.applications: Any = AccountRegionScopedDict()
        self.groups: Any = AccountRegionScopedDict()
        self.configurations: Any = AccountRegionScopedDict()
        self.deployments: Any = AccountRegionScopedDict()
        self.tags: Any = AccountRegionScopedDict()

    def stores(self) -> dict[str, Any]:
        """Return the stores by name."""
        return {name: one for name, one in vars(self).items() if name != "lock"}


records = CodeDeployRecords()


def application(name: str) -> CodeDeployObject:
    """Return the record of an application, or refuse."""
    found: CodeDeployObject | None = records.applications.get(name)
    if found is None:
        raise CodeDeployError(
            "ApplicationDoesNotExistException", f"No application found for name: {name}"
        )
    return found


def group(of: str, name: str) -> CodeDeployObject:
    """Return the record of a deployment group, or refuse."""
    application(of)
    found: CodeDeployObject | None = records.groups.get((of, name))
    if found is None:
        raise CodeDeployError(
            "DeploymentGroupDoesNotExistException",
            f"No Deployment Group found for name: {name}",
        )
    return found


def deployment_record(identifier: str) -> CodeDeployObject:
    """Return the record of a deployment, or refuse."""
    found: CodeDeployObject | None = records.deployments.get(identifier)
    if found is None:
        raise CodeDeployError(
            "DeploymentDoesNotExistException",
            f"The deployment {identifier} could not be found",
        )
    return found


def new_deployment_id() -> str:
    """Return an id as AWS makes them."""
    return "d-" + "".join(secrets.choice(_LETTERS) for _ in range(9))


def arn(kind: str, name: str) -> str:
    """Return the ARN of a resource: `application`, `deploymentgroup` or `deploymentconfig`."""
    return f"arn:aws:codedeploy:{get_region()}:{get_account_id()}:{kind}:{name}"


def get_state() -> CodeDeployObject:
    """Return everything, for the emulator's snapshot."""
    with records.lock:
        return copy.deepcopy(records.stores())


def load_persisted_state(state: CodeDeployObject) -> None:
    """Take back what a snapshot has; a deployment that ran when it was written has failed."""
    for name, store in records.stores().items():
        store.update(state.get(name, {}))
    for _, one in records.deployments.all_items():
        if one["info"]["status"] == "InProgress":
            one["info"] |= {
                "status": "Failed",
                "errorInformation": {
                    "code": "INTERNAL_ERROR",
                    "message": "The sandbox was ended while this deployment ran",
                },
            }


def reset() -> None:
    """Forget everything."""
    for store in records.stores().values():
        store.clear()
