"""GitHub's own description of its API and its webhooks, fetched once and then kept.

It is OpenAPI. Where it says what GitHub does not do, it is corrected here, and nowhere else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.npm_files import cache_folder, file_of_package

Json = dict[str, Any]

_API = (
    "@octokit/openapi@23.0.2",
    "829b4bebb19a53133289f7b0bc819f4f1118115821db2ca9f25e9ee995a7da2a",
)
_WEBHOOKS = (
    "@octokit/openapi-webhooks@12.1.0",
    "0a86fcfad6f38c696f2f1967311e61a4009adca58adac52d7df52e003d187b26",
)
_EXAMPLES = (
    "@octokit/webhooks-examples@7.6.1",
    "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815",
)
_MEMBER = "package/generated/api.github.com.json"
_EXAMPLES_MEMBER = "package/api.github.com/index.json"


def description_folder() -> Path:
    return cache_folder() / "github-description"


def load_api() -> Json:
    document = _load(*_API)
    _allow_null(document)
    paths = document["paths"]
    # A folder's contents are a list, which cannot have the property that discriminates.
    contents = paths["/repos/{owner}/{repo}/contents/{path}"]["get"]["responses"]["200"]
    del contents["content"]["application/json"]["schema"]["discriminator"]
    # The account would have to be a user and an enterprise at once; elsewhere it is either.
    installations = paths["/app/installations"]["get"]["responses"]["200"]["content"]
    reference = {"$ref": "#/components/schemas/installation"}
    installations["application/json"]["schema"]["items"] = reference
    _allow_any_error(document)
    return document


def load_webhooks() -> Json:
    return _load(*_WEBHOOKS)


def load_examples() -> list[tuple[str, Json]]:
    """Return payloads of webhooks that GitHub has sent, each with the name of its event."""
    found: Any = _load(*_EXAMPLES, _EXAMPLES_MEMBER)
    return [(event["name"], one) for event in found for one in event["examples"]]


def _load(package: str, digest: str, member: str = _MEMBER) -> Json:
    """Return the description; the first time it is fetched with npm."""
    name = re.sub(r"[^a-z0-9.]+", "-", package).strip("-")
    path = file_of_package(package, member, digest, description_folder() / f"{name}.json")
    document: Json = json.loads(path.read_bytes())
    return document


def _allow_null(part: Any) -> None:
    """Read `nullable` beside `oneOf`, `anyOf` or `enum` as GitHub means it: null is allowed.

    OpenAPI 3.0.3 gives it a meaning beside `type` only. GitHub sends null for the author of a
    commit whose address nobody has, which it describes in this way.
    """
    if isinstance(part, list):
        for item in part:
            _allow_null(item)
    elif isinstance(part, dict):
        for item in part.values():
            _allow_null(item)
        if part.get("nullable") is not True:
            return
        if isinstance(part.get("enum"), list):
            part["enum"].append(None)
        for word in {"oneOf", "anyOf"} & part.keys():
            part[word].append({"type": "object", "nullable": True, "enum": [None]})


def _allow_any_error(document: Json) -> None:
    """Let an error fit several of the shapes that it may have.

    GitHub's two shapes have no property that tells them apart, so `oneOf` never holds.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for content in response.get("content", {}).values() if status >= "400" else ():
                    schema = content.get("schema", {})
                    if "oneOf" in schema:
                        schema["anyOf"] = schema.pop("oneOf")
