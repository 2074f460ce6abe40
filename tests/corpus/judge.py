"""One template through every stage, until somebody refuses it."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.corpus.checkouts import Subject
from tests.corpus.lint import errors_of
from tests.corpus.outcome import Outcome
from tests.corpus.product import Packaged, Unbuilt, package
from tests.corpus.stacks import Stacks
from tests.corpus.translation import NotTranslatedError, translated, unbounded_roles
from tests.corpus.values import given_values
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.topology import Environment
from tiercel.domain.stack.needed_actions import lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.tasks.build.job import Place
from tiercel.tasks.stack.service_role import published_handlers, service_role_policies

_SHOWN = 5
_SERVERLESS = ("AWS::Serverless::", "AWS::Lambda::Function")


class RefusedError(Exception):
    """A stage of the corpus itself refuses a template."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(kind, why)
        self.kind, self.why = kind, why


@dataclass(frozen=True)
class Judge:
    """Where templates are judged. Without `stacks` none is created."""

    environment: Environment
    folder: Path
    place: Place = field(default_factory=Unbuilt)
    stacks: Stacks | None = None

    def judge(self, subject: Subject) -> Outcome:
        """Return how far a template comes; raises nothing."""
        outcome = Outcome(subject.checkout.name, subject.path)
        start = time.monotonic()
        try:
            self._through(subject, outcome)
        except TiercelError as error:
            outcome.kind, outcome.where = error.code, error.where
            outcome.why = f"{error.what}: {error.why}" if error.why else error.what
        except RefusedError as error:
            outcome.kind, outcome.why = error.kind, error.why
        except NotTranslatedError as error:
            outcome.kind, outcome.why = "sam.not_translated", str(error)
        except Exception:  # noqa: BLE001 - a defect is an outcome too, and the others go on
            outcome.kind, outcome.why = "defect", traceback.format_exc()[-1500:]
        outcome.seconds = round(time.monotonic() - start, 3)
        return outcome

    def _through(self, subject: Subject, outcome: Outcome) -> None:
        outcome.stage = "package"
        packaged = package(subject, self.place, self.environment, self.folder)
        outcome.tools, outcome.words = list(packaged.tools), list(packaged.words)
        outcome.serverless = _is_serverless(packaged.template)
        values = given_values(packaged.template)
        outcome.stage = "translate"
        made = translated(json.loads(packaged.sent.read_bytes()), values)
        outcome.stage = "roles"
        _refuse("role.unbounded", unbounded_roles(made, BOUNDARY_PARAMETER))
        outcome.stage = "services"
        _refuse("plan.role_lacks_permissions", _lacking(made, self.environment))
        outcome.stage = "lint"
        _refuse("template.lint_errors", errors_of(packaged.source))
        if self.stacks:
            outcome.stage = "stack"
            outcome.kind, outcome.why = self._created(self.stacks, packaged, values)

    @staticmethod
    def _created(stacks: Stacks, packaged: Packaged, values: dict[str, str]) -> tuple[str, str]:
        kind, why = stacks.create(packaged, values)
        return ("sandbox.gap", why) if "Unrecognized resource types" in why else (kind, why)


def _refuse(kind: str, reasons: list[str]) -> None:
    if reasons:
        raise RefusedError(kind, "\n".join(reasons[:_SHOWN]))


def _is_serverless(template: dict[str, Any]) -> bool:
    found = template["Resources"].values()
    return any(
        str(one.get("Type")).startswith(_SERVERLESS) for one in found if isinstance(one, dict)
    )


def _lacking(made: dict[str, Any], environment: Environment) -> list[str]:
    changes = [
        Change(action="Add", logical_id=str(name), resource_type=str(one.get("Type")))
        for name, one in made["Resources"].items()
        if isinstance(one, dict)
    ]
    handlers = published_handlers(environment.region, {one.resource_type for one in changes})
    role = service_role_policies(environment.stacks.services)
    return [
        f"{one.logical_id} ({one.resource_type}): {', '.join(one.certain)}"
        for one in lacking_actions(changes, handlers, role).lacks
        if one.certain
    ]
