"""Lists in pages: a token names the last item of the page before.

AWS says neither how many items a page has nor what a token is made of.
https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html
"""

from __future__ import annotations

import base64
import binascii

from tiercel.sandbox.aws.codedeploy.records import CodeDeployError, CodeDeployObject

_LISTS = {
    "ListApplications": "applications",
    "ListDeploymentConfigs": "deploymentConfigsList",
    "ListDeploymentGroups": "deploymentGroups",
    "ListDeployments": "deployments",
    "ListDeploymentTargets": "targetIds",
}
_PAGE = 100


def page_of(
    operation: str, request: CodeDeployObject, answer: CodeDeployObject
) -> CodeDeployObject:
    """Return the page of a list that is asked for; any other answer as it is."""
    key = _LISTS.get(operation)
    if key is None:
        return answer
    items: list[str] = answer[key]
    token = request.get("nextToken")
    begin = _after(items, token) if token else 0
    page = items[begin : begin + _PAGE]
    more = {"nextToken": _token(page[-1])} if begin + _PAGE < len(items) else {}
    return answer | {key: page} | more


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _after(items: list[str], token: str) -> int:
    """Return where the next page begins; what was added before it meanwhile shifts nothing."""
    try:
        return items.index(base64.urlsafe_b64decode(token).decode()) + 1
    except (ValueError, binascii.Error) as error:
        raise CodeDeployError(
            "InvalidNextTokenException", "The next token was specified in an invalid format"
        ) from error
