"""The tiercel.toml that init writes: complete, commented, and open where somebody has to choose."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from tiercel.domain.configuration.toml_text import toml_key, toml_string
from tiercel.domain.onboarding.answers import Answers
from tiercel.domain.onboarding.proposal import Proposal, ProposedService
from tiercel.domain.organization.topology import PREPROD, PROD

_WIDTH = 96
_HEAD = """\
Written by `tiercel init`. [services] is read from the commit that is released; all other tables are
read from the worker's own copy of this file and never from a commit. Every key is explained in
Tiercel's docs/use/configuration.md; `tiercel config check` checks the file, `tiercel init --check`
says what would stop a first release."""
_ACCOUNTS_LACK = """\
Fill these tables in and take the `#` away, here or in the worker's own copy: init was not told the
accounts. No account may appear twice."""
_INDEXES = """\
The hosts of the package indexes that isolated builds reach, yours or the public ones: none until
you name them, and a build that needs one is refused with the line to write. Builds here are of
{languages}{programs}."""
_LACKING = """\
Without a value for each of these nothing is deployed. Values of one environment stand in
[services.{name}.environments.prod.parameters] and win over these."""
_STACK_NAMES = "The names of stacks from which it imports."
_SMOKE = "After every deploy; without one, a stack that CloudFormation has made counts as verified."


def config_text(proposal: Proposal, answers: Answers) -> str:
    """Return the text of a tiercel.toml, which `config check` takes as it is."""
    parts = [
        _comment(_HEAD),
        "\n".join(_organization(answers)),
        "\n".join(_builds(proposal)),
        "\n".join(_environments(answers)),
        *("\n".join(_service(one, answers)) for one in proposal.services),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(toml_string(one) for one in items)}]"


def _comment(text: str) -> str:
    return textwrap.indent(text, "# ", lambda _: True)


def _commented(lines: Iterable[str], *, out: bool) -> Iterator[str]:
    """Yield lines of tables, commented out if somebody has to fill them in."""
    for line in lines:
        yield f"# {line}".rstrip() if out else line


def _organization(answers: Answers) -> Iterator[str]:
    lines = [
        "[organization]",
        f"name = {toml_string(answers.organization)}",
        f"repositories = {_list([answers.repository or 'OWNER/NAME'])}",
    ]
    yield "# Begins the name of everything that Tiercel makes, and the repositories it releases."
    yield from _commented(lines, out=not answers.complete)


def _builds(proposal: Proposal) -> Iterator[str]:
    languages = proposal.languages
    if not languages:
        return
    programs = [program for one in languages for program in one.programs]
    needed = f", which need {', '.join(programs)} on the worker" if programs else ""
    text = _INDEXES.format(languages=", ".join(one.name for one in languages), programs=needed)
    yield _comment(textwrap.fill(" ".join(text.split()), _WIDTH))
    yield "[builds]"
    yield "indexes = []"


def _environments(answers: Answers) -> Iterator[str]:
    out = not answers.complete
    if out:
        yield _comment(_ACCOUNTS_LACK)
    for environment in (PREPROD, PROD):
        runtime = answers.accounts.get((environment, "runtime_account"), "")
        infrastructure = answers.accounts.get((environment, "infrastructure_account"), "")
        lines = [
            f"[environments.{environment}]",
            f"branch = {toml_string(answers.branch(environment))}",
            f"region = {toml_string(answers.region)}",
            f"infrastructure_account = {toml_string(infrastructure)}",
            f"runtime_account = {toml_string(runtime)}",
            f"external_id = {toml_string(answers.external_ids.get(environment, ''))}",
        ]
        yield from _commented(lines, out=out)
        if environment == PREPROD:
            yield ""


def _service(proposed: ProposedService, answers: Answers) -> Iterator[str]:
    service = proposed.service
    yield f"[services.{service.name}]"
    yield f"path = {toml_string(service.path)}"
    if service.template != "template.yaml":
        yield f"template = {toml_string(service.template)}"
    if service.depends_on:
        yield _comment(textwrap.fill(f"Takes {'; '.join(proposed.takes)}.", _WIDTH))
        yield f"depends_on = {_list(service.depends_on)}"
    if service.test:
        yield f"test = {_list(service.test)}"
    if service.test_requirements:
        yield f"test_requirements = {toml_string(service.test_requirements)}"
    yield from _stack_names(proposed, answers)
    yield from _lacking(proposed)
    yield from _smoke_test(proposed)


def _stack_names(proposed: ProposedService, answers: Answers) -> Iterator[str]:
    if not proposed.stack_names:
        return
    yield f"\n# {_STACK_NAMES}"
    for environment in (PREPROD, PROD):
        yield f"[services.{proposed.service.name}.environments.{environment}.parameters]"
        for parameter, giver in proposed.stack_names:
            stack = f"{answers.organization}-{environment}-{giver}"
            yield f"{toml_key(parameter)} = {toml_string(stack)}"


def _lacking(proposed: ProposedService) -> Iterator[str]:
    if not proposed.lacking:
        return
    name = proposed.service.name
    lines = [f"[services.{name}.parameters]"]
    lines += [
        f"{toml_key(parameter)} = " + toml_string("{{resolve:ssm-secure:...}}" if secret else "...")
        for parameter, secret in proposed.lacking
    ]
    yield ""
    yield _comment(_LACKING.format(name=name))
    yield from _commented(lines, out=True)


def _smoke_test(proposed: ProposedService) -> Iterator[str]:
    if not proposed.addresses:
        return
    lines = [
        f"[services.{proposed.service.name}.smoke_test]",
        f"http = {toml_string(proposed.addresses[0])}",
        'path = "/"',
        "expect_status = 200",
    ]
    yield ""
    yield _comment(_SMOKE)
    yield from _commented(lines, out=True)
