"""A change that passes every test, and whose traffic an alarm takes back in Preprod."""

from __future__ import annotations

from tiercel.cli.demo.customers import Customers
from tiercel.cli.demo.stage import Stage
from tiercel.domain.base.errors import DeployFailedError
from tiercel.sandbox import lifecycle

_SERVICE, _ADDRESS, _PATH = "catalog", "ApiUrl", "/items/assam-100g"
_CODE = "traffic.alarm"


def trip_the_alarm(stage: Stage, commit: str) -> None:
    """Deploy it while customers ask, and show why its traffic went back.

    Raises what the deploy fails with if that is no alarm.
    """
    sandbox = lifecycle.status(stage.state)
    before = stage.live["preprod"][_SERVICE]
    if sandbox is None:
        raise stage.unexpected("its sandbox to run")
    with Customers(sandbox.aws_endpoint, before.outputs[_ADDRESS], _PATH) as customers:
        try:
            stage.publish_and_deploy(commit)
        except DeployFailedError as error:
            if error.code != _CODE:
                raise
            failure = error
        else:
            raise stage.unexpected("an alarm to take the traffic back")
    stage.output.error_note(failure)
    stage.output.done(
        f"{customers.answers} customers had their answer meanwhile, {customers.errors} did not"
    )
    stage.taken_back.append(failure.failure.document() | {"errors": customers.errors})
