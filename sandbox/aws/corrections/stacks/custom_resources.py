"""Custom resources: where they answer, and how long they are waited for."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from ministack.services.cloudformation import custom_resource

PATIENCE_SECONDS = 20.0
"""After the function has ended: AWS waits an hour, or as long as ServiceTimeout says."""


class _Answer(threading.Event):
    """The answer of a function that has ended by the time that it is waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(min(timeout or PATIENCE_SECONDS, PATIENCE_SECONDS))


def wait_for_answers_with_a_limit() -> None:
    """A custom resource that does not answer fails its stack, in CloudFormation's words.

    The emulator waits an hour, after the function has ended too.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
    """
    original = custom_resource.invoke_custom_resource

    def register(token: str) -> threading.Event:
        answer = _Answer()
        with custom_resource._lock:
            custom_resource._pending[token] = {"event": answer, "result": None}
        return answer

    def invoke(*arguments: object, **more: object) -> object:
        try:
            return original(*arguments, **more)
        except TimeoutError as error:
            raise ValueError(
                "CloudFormation did not receive a response from your Custom Resource. Please "
                f"check your logs for requestId [{uuid.uuid4()}]. If you are using the Python "
                "cfn-response module, you may need to update your Lambda function code so that "
                "CloudFormation can attach the updated version."
            ) from error

    custom_resource.register_token = register
    custom_resource.invoke_custom_resource = invoke


def let_custom_resources_answer_at(address: Callable[[str], str]) -> None:
    """A custom resource is given an address of HTTPS, which some take for granted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
    """
    custom_resource._response_url = address
