"""Serves one request of the API: who, whether, what, and the headers around the answer."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from tiercel.sandbox.github.http.routing import Router, parse_query
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.urls import API_PREFIX
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Need, Route
from tiercel.sandbox.github.operations.code import (
    activity,
    blobs_and_tags,
    branches,
    commits,
    contents,
    objects,
    references,
    rulesets,
)
from tiercel.sandbox.github.operations.project import (
    apps,
    branch_policies,
    check_runs,
    deployments,
    environments,
    hooks,
    releases,
    repositories,
    statuses,
)
from tiercel.sandbox.github.operations.pulls import (
    comments,
    labels,
    merges,
    pull_updates,
    pulls,
    reviews,
)
from tiercel.sandbox.github.rules.auth import Actor, identify
from tiercel.sandbox.github.rules.errors import (
    BAD_JWT,
    NO_USER_AGENT,
    NOT_FOR_INTEGRATION,
    NOT_FOR_TOKEN,
    REQUIRES_AUTHENTICATION,
    SERVER_ERROR,
    UNKNOWN_API_VERSION,
    ApiError,
    not_found,
)
from tiercel.sandbox.github.rules.limits import Limits

_MODULES = (
    activity, apps, blobs_and_tags, branch_policies, branches, check_runs, comments, commits,
    contents, deployments, environments, hooks, labels, merges, objects, pull_updates, pulls,
    references, releases, repositories, reviews, rulesets, statuses,
)  # fmt: skip
_VERSIONS = {"2022-11-28", "2026-03-10"}
_LOG = logging.getLogger("tiercel.sandbox.github")


@dataclass(frozen=True)
class ApiRequest:
    """A request of the API; `path` is as the client sent it, header names are in small letters."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    identifier: str


@dataclass(frozen=True)
class Reply:
    """What goes back to the client, and for the journal who called what."""

    status: int
    headers: dict[str, str]
    body: bytes
    actor: str = ""
    operation: str = ""


class Api:
    """The operations that the stand-in models; every other address is 404."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limits = Limits(world)
        rate_limit = Route("GET", "/rate_limit", self._rate_limit, "anyone")
        routes = [route for module in _MODULES for route in module.ROUTES]
        self.router = Router([*routes, rate_limit])

    def serve(self, request: ApiRequest) -> Reply:
        """Answer a request; all of its changes are kept, or none."""
        actor, operation = Actor(), ""
        accepted: dict[str, str] = {}
        try:
            with self.world.change():
                actor = identify(self.world, request.headers)
                self._admit(request, actor)
                method = "GET" if request.method == "HEAD" else request.method
                path = request.path.removeprefix(API_PREFIX)
                route, parameters = self.router.find(method, path)
                operation = route.template
                accepted = _accepted(route)
                repository = self._authorize(route, parameters, actor)
                call = ApiCall(
                    world=self.world,
                    actor=actor,
                    parameters=parameters,
                    query=parse_query(request.query),
                    raw_body=request.body,
                    address=self.world.urls.server + request.path,
                    found=repository,
                )
                answer = route.handler(call)
        except ApiError as error:
            answer = Answer(error.refusal.status, error.body(), error.headers)
        except Exception:  # noqa: BLE001 - as GitHub, a fault of ours is a 500 with a body
            _LOG.exception("%s %s failed", request.method, operation)
            answer = Answer(500, ApiError(SERVER_ERROR).body())
        return self._reply(request, answer, actor, operation, accepted)

    def refuse(self, request: ApiRequest, error: ApiError) -> Reply:
        """Answer with a refusal that no operation decided."""
        answer = Answer(error.refusal.status, error.body(), error.headers)
        return self._reply(request, answer, Actor(), "", {})

    def _rate_limit(self, call: ApiCall) -> Answer:
        return Answer(200, self.limits.overview(call.actor))

    def _admit(self, request: ApiRequest, actor: Actor) -> None:
        if not request.headers.get("user-agent"):
            raise ApiError(NO_USER_AGENT)
        if request.headers.get("x-github-api-version", "2022-11-28") not in _VERSIONS:
            raise ApiError(UNKNOWN_API_VERSION)
        if not request.path.endswith("/rate_limit"):
            self.limits.count(actor)

    def _authorize(
        self, route: Route, parameters: Mapping[str, str], actor: Actor
    ) -> RepositoryRecord | None:
        """Return the repository in the path; ApiError when the caller may not do this.

        https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
        """
        if route.need == "app" and actor.app is None:
            raise ApiError(BAD_JWT)
        if route.need == "user" and actor.user is None:
            raise ApiError(REQUIRES_AUTHENTICATION)
        if "repo" not in parameters:
            return None
        found = repositories.find(self.world, parameters["owner"], parameters["repo"])
        if found is None or not (actor.app or actor.sees(found)):
            raise not_found()
        if isinstance(route.need, Need):
            self._permit(route.need, found, actor)
        return found

    def _permit(self, need: Need, repository: RepositoryRecord, actor: Actor) -> None:
        if any(actor.may(repository, name, need.level) for name in need.permissions):
            return
        if actor.user is None and actor.app is None:
            raise ApiError(REQUIRES_AUTHENTICATION)
        integration = actor.app or actor.is_installation
        raise ApiError(NOT_FOR_INTEGRATION if integration else NOT_FOR_TOKEN)

    def _reply(
        self,
        request: ApiRequest,
        answer: Answer,
        actor: Actor,
        operation: str,
        accepted: Mapping[str, str],
    ) -> Reply:
        text = "" if answer.body is None else json.dumps(answer.body, ensure_ascii=False)
        body = text.encode(errors="replace")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": request.identifier,
            "X-GitHub-Api-Version-Selected": "2022-11-28",
            **self.limits.headers(actor),
            **accepted,
            **answer.headers,
        }
        status = answer.status
        if status == 200 and request.method in {"GET", "HEAD"}:
            tag = f'W/"{hashlib.sha256(body).hexdigest()}"'
            headers |= {"ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
            if request.headers.get("if-none-match") == tag:
                status, body = 304, b""
        if status in {204, 304}:
            del headers["Content-Type"]
        return Reply(status, headers, body, actor.name, operation)


def _accepted(route: Route) -> dict[str, str]:
    """Return the header that says which permissions would do."""
    if not isinstance(route.need, Need):
        return {}
    names = "; ".join(f"{name}={route.need.level}" for name in route.need.permissions)
    return {"X-Accepted-GitHub-Permissions": names}
