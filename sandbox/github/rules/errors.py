"""What GitHub refuses, and with which words: one table for the whole stand-in.

Pages are below https://docs.github.com/en/rest unless they are complete addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_DOCS = "https://docs.github.com/en/rest"
_TROUBLE = "using-the-rest-api/troubleshooting-the-rest-api"
_LIMITS = "using-the-rest-api/rate-limits-for-the-rest-api"
_PRACTICES = "using-the-rest-api/best-practices-for-using-the-rest-api"
_STARTED = "using-the-rest-api/getting-started-with-the-rest-api"
_MERGE = "pulls/pulls#merge-a-pull-request"
_GIT = "https://docs.github.com/en/get-started/git-basics"
_PROTECTED = "https://docs.github.com/articles/about-protected-branches"


@dataclass(frozen=True)
class ApiRefusal:
    """A way in which GitHub refuses: the status, its words and the page that says so."""

    status: int
    message: str
    page: str

    @property
    def documentation_url(self) -> str:
        """The address of the page."""
        return self.page if self.page.startswith("https://") else f"{_DOCS}/{self.page}"


PROBLEMS_PARSING_JSON = ApiRefusal(400, "Problems parsing JSON", _TROUBLE)
BODY_NOT_AN_OBJECT = ApiRefusal(400, "Body should be a JSON object", _TROUBLE)
UNKNOWN_API_VERSION = ApiRefusal(
    400, "API version is not supported.", "about-the-rest-api/api-versions"
)
BAD_CREDENTIALS = ApiRefusal(401, "Bad credentials", _TROUBLE)
REQUIRES_AUTHENTICATION = ApiRefusal(401, "Requires authentication", "users/users")
BAD_JWT = ApiRefusal(401, "A JSON web token could not be decoded", "apps/apps")
EXPIRED_JWT = ApiRefusal(
    401,
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires",
    "apps/apps",
)
FAR_JWT = ApiRefusal(401, "'Expiration time' claim ('exp') is too far in the future", "apps/apps")
FUTURE_JWT = ApiRefusal(
    401,
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
    "was issued",
    "apps/apps",
)
NO_USER_AGENT = ApiRefusal(
    403,
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent "
    "header",
    _STARTED,
)
RATE_LIMITED = ApiRefusal(403, "API rate limit exceeded.", _LIMITS)
SECONDARY_LIMITED = ApiRefusal(
    403,
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    _LIMITS,
)
TOO_MANY_REQUESTS = ApiRefusal(429, SECONDARY_LIMITED.message, _PRACTICES)
NOT_FOR_TOKEN = ApiRefusal(403, "Resource not accessible by personal access token", _TROUBLE)
NOT_FOR_INTEGRATION = ApiRefusal(403, "Resource not accessible by integration", _TROUBLE)
NOT_FOUND = ApiRefusal(404, "Not Found", _TROUBLE)
BRANCH_NOT_FOUND = ApiRefusal(404, "Branch not found", "branches/branches")
BRANCH_NOT_PROTECTED = ApiRefusal(404, "Branch not protected", "branches/branch-protection")
NO_CREDENTIALS = ApiRefusal(401, "Invalid username or token.", _GIT)
NO_PUSH = ApiRefusal(403, "Write access to repository not granted.", _GIT)
NO_REPOSITORY = ApiRefusal(404, "Repository not found.", _GIT)
NO_INTEGRATION = ApiRefusal(404, "Integration not found", "apps/apps")
GONE_REFERENCE = ApiRefusal(422, "Reference does not exist", "git/refs")
EMPTY_REPOSITORY = ApiRefusal(409, "Git Repository is empty.", "git/trees")
CONFLICT = ApiRefusal(409, "Conflict", "deployments/deployments")
HEAD_MODIFIED = ApiRefusal(409, "Head branch was modified. Review and try the merge again.", _MERGE)
BASE_MODIFIED = ApiRefusal(405, "Base branch was modified. Review and try the merge again.", _MERGE)
NOT_MERGEABLE = ApiRefusal(405, "Pull Request is not mergeable", _MERGE)
PROTECTED = ApiRefusal(405, "The branch is protected", _PROTECTED)
FILE_CONFLICT = ApiRefusal(409, "Conflict", "repos/contents")
MERGE_CONFLICT = ApiRefusal(409, "Merge conflict", "branches/branches#merge-a-branch")
VALIDATION_FAILED = ApiRefusal(422, "Validation Failed", _TROUBLE)
INVALID_REQUEST = ApiRefusal(422, "Invalid request.", _TROUBLE)
NOT_AN_APP = ApiRefusal(403, "You must authenticate via a GitHub App.", "checks/runs")
UNPROCESSABLE = ApiRefusal(422, "Unprocessable Entity", "pulls/reviews")
SERVER_ERROR = ApiRefusal(500, "Server Error", _TROUBLE)
BAD_GATEWAY = ApiRefusal(502, "Server Error", _TROUBLE)
UNAVAILABLE = ApiRefusal(503, "Service unavailable", _TROUBLE)

Errors = Sequence[Mapping[str, Any] | str]


@dataclass
class ApiError(Exception):
    """A refused request. `message` replaces the table's words where GitHub names details."""

    refusal: ApiRefusal
    message: str = ""
    errors: Errors = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the answer's body; `errors` is there only for validation errors."""
        body: dict[str, Any] = {"message": self.message or self.refusal.message}
        if self.errors:
            body["errors"] = list(self.errors)
        body["documentation_url"] = self.refusal.documentation_url
        body["status"] = str(self.refusal.status)
        return body


def not_found() -> ApiError:
    """Return the answer for everything that a token cannot see, existing or not."""
    return ApiError(NOT_FOUND)


def invalid(resource: str, field_name: str, code: str = "invalid", message: str = "") -> ApiError:
    """Return a validation error about one field.

    `code` is one of missing, missing_field, invalid, already_exists, unprocessable, custom.
    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    error = {"resource": resource, "field": field_name, "code": code}
    return ApiError(VALIDATION_FAILED, errors=[error | ({"message": message} if message else {})])


def refused_because(resource: str, message: str) -> ApiError:
    """Return a validation error that GitHub explains in words only."""
    error = {"resource": resource, "code": "custom", "message": message}
    return ApiError(VALIDATION_FAILED, errors=[error])
