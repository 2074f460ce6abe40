"""One template through every stage, until somebody refuses it."""

from __future__ import annotations

import json
import re
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.corpus.checkouts import Subject
from tests.corpus.outcome import Outcome
from tests.corpus.product import OWN, Packaged, Unbuilt, package
from tests.corpus.stacks import FORBIDDEN, Stacks
from tests.corpus.translation import NotTranslatedError, translated, unbounded_roles
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.templates.lint_findings import has_macros
from tiercel.tasks.build.job import Place

_SHOWN = 5
# https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
_REFUSED = (
    (r"SSM parameter '/aws/service/.* does not exist", "sandbox.gap"),
    (r"Template error: rule \w+ failed|^Parameter '\w+' ", "values.not_found"),
)
_RUNTIMES = {"E2531", "E2533"}
# "null values are not allowed in templates" is CloudFormation's own answer to the first.
_NO_TEMPLATE_OF_AWS = (
    (r"None is not (one of|of type)", "lint.null_value"),
    (r"\{'(Fn::)?Rain::Embed': ", "lint.not_yet_written_out"),
)


class RefusedError(Exception):
    """A stage of the corpus itself refuses a template."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(kind, why)
        self.kind, self.why = kind, why


@dataclass(frozen=True)
class Judge:
    """Where templates are judged. Without `stacks` none is created."""

    topology: Topology
    folder: Path
    place: Place = field(default_factory=Unbuilt)
    stacks: Stacks | None = None

    def judge(self, subject: Subject) -> Outcome:
        """Return how far a template comes; raises nothing."""
        outcome = Outcome(subject.checkout.name, subject.path, serverless=subject.serverless)
        start = time.monotonic()
        try:
            self._through(subject, outcome)
        except TiercelError as error:
            outcome.kind, outcome.where = _kind_of(error), error.where
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
        outcome.stage = "verify"
        packaged = package(subject, self.place, self.topology, self.folder)
        outcome.tools, outcome.words = list(packaged.tools), list(packaged.words)
        if packaged.refusals:
            raise packaged.refusals[0]
        outcome.stage = "translate"
        made = translated(json.loads(packaged.sent.read_bytes()), packaged.values)
        outcome.stage = "roles"
        _refuse("role.unbounded", unbounded_roles(made))
        if self.stacks:
            outcome.stage = "stack"
            outcome.kind, outcome.why = self._created(self.stacks, packaged)

    @staticmethod
    def _created(stacks: Stacks, packaged: Packaged) -> tuple[str, str]:
        kind, why = stacks.create(packaged, packaged.values)
        if kind == FORBIDDEN and OWN in packaged.words:
            kind = "planned"  # the role of the sandbox was made without the owner's own services
        if kind == "plan.template_refused" and has_macros(packaged.template):
            kind = "macro.not_there"
        if kind == "plan.template_refused":
            kind = next((one for pattern, one in _REFUSED if re.search(pattern, why)), kind)
        return ("sandbox.gap", why) if "Unrecognized resource types" in why else (kind, why)


def _kind_of(error: TiercelError) -> str:
    """Return the code of a refusal; why cfn-lint refuses is a kind of its own where all agree."""
    if error.code != "template.lint_errors":
        return error.code
    findings = re.findall(r": ([EW]\d{4}) (.*)", error.why)
    if {rule for rule, _ in findings} <= _RUNTIMES:
        return "lint.runtime_ended"
    for pattern, kind in _NO_TEMPLATE_OF_AWS:
        if all(re.match(pattern, message) for _, message in findings):
            return kind
    return error.code


def _refuse(kind: str, reasons: list[str]) -> None:
    if reasons:
        raise RefusedError(kind, "\n".join(reasons[:_SHOWN]))
