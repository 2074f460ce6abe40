"""The workflows that a repository needs to call Tiercel, from those to copy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tiercel.domain.configuration.toml_text import toml_string
from tiercel.domain.onboarding.answers import Answers
from tiercel.domain.organization.topology import PREPROD, PROD

NEEDED_CALLERS = ("pull-requests.yml", "preprod.yml", "prod.yml", "candidates.yml", "rollback.yml")
"""Those without which something of GitFlow does not happen; the others are there to be chosen."""
CALLERS_FOLDER = ".github/workflows"
_NO_COPY = "acme/tiercel"
_NO_COMMIT = "0" * 40
_USES = re.compile(r"uses: acme/tiercel/(\.github/workflows/[a-z-]+\.yml)@0{40}.*")


def caller_texts(originals: Mapping[str, str], answers: Answers) -> dict[str, str]:
    """Return the workflows by their paths in the repository, with its branches and its Tiercel."""
    return {f"{CALLERS_FOLDER}/{name}": _adapted(text, answers) for name, text in originals.items()}


def _adapted(text: str, answers: Answers) -> str:
    for environment, usual in ((PREPROD, "develop"), (PROD, "main")):
        own = toml_string(answers.branch(environment))
        branch = usual if own == toml_string(usual) else own
        text = text.replace(f"branches: [{usual}]", f"branches: [{branch}]")
    copy, at, commit = answers.tiercel.partition("@")
    if at:
        text = _USES.sub(lambda found: f"uses: {copy}/{found[1]}@{commit}", text)
    return text


def calls_no_copy(text: str) -> bool:
    """Tell whether a workflow still calls the Tiercel that stands for one's own."""
    return f"uses: {_NO_COPY}/" in text and _NO_COMMIT in text
