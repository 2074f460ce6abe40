"""The policies of `policies/`, filled in for one environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from tiercel.tasks.engine.resources import resource

RenderedPolicy = dict[str, Any]


def policy_folder() -> Path:
    """Return the folder of all policies, `NAME.json` each."""
    return resource("policies")


def render(name: str, values: Mapping[str, str]) -> RenderedPolicy:
    """Return the policy with every `${placeholder}` filled in.

    A list of texts is given as one value, joined by `", "`, which is also how Terraform's
    templatefile() takes it. Raises KeyError for a placeholder without a value and
    FileNotFoundError for a policy that does not exist.
    """
    text = (policy_folder() / f"{name}.json").read_text("utf-8")
    policy: RenderedPolicy = json.loads(Template(text).substitute(values))
    return policy
