"""What a repository's services would be, from what was seen of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.onboarding.answers import Answers
from tiercel.domain.onboarding.languages import Language, languages_of
from tiercel.domain.onboarding.links import StackLinks, Taken, links_between, mapping_of
from tiercel.domain.onboarding.seen import RepositorySeen, Unclear
from tiercel.domain.onboarding.stacks import stacks_of
from tiercel.domain.onboarding.testing import tests_of
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import PREPROD, PROD

_ADDRESS = ("execute-api", "FunctionUrl", "HttpApi", "ServerlessRestApi", "ServerlessHttpApi")
_OTHER_TOOLS = {
    "cdk.json": "the CDK: Tiercel takes the templates that `cdk synth` writes, as files of the "
    "commit or made by a `build` command",
    "serverless.yml": "the Serverless Framework, whose files Tiercel does not read",
    "serverless.yaml": "the Serverless Framework, whose files Tiercel does not read",
    "main.tf": "Terraform, which Tiercel uses for its accounts alone",
}
_PIPELINE = "AWS::CodePipeline::Pipeline"
_DEPLOYING = (
    "sam deploy",
    "cdk deploy",
    "cloudformation deploy",
    "serverless deploy",
    "sls deploy",
)


class ProposedService(Frozen):
    """A service, and what stands beside it in the file for somebody to fill in.

    `lacking` are the parameters that nothing gives a value, those of secrets marked with True;
    `addresses` are outputs that a smoke test could call. `stack_names` are parameters that get
    the name of another service's stack. It is `untested` if no tests were found.
    """

    service: Service
    takes: tuple[str, ...] = ()
    lacking: tuple[tuple[str, bool], ...] = ()
    addresses: tuple[str, ...] = ()
    stack_names: tuple[tuple[str, str], ...] = ()
    untested: bool = False


class Proposal(Frozen):
    """What init would write of a repository, and what it could not tell."""

    services: tuple[ProposedService, ...]
    languages: tuple[Language, ...]
    unclear: tuple[Unclear, ...]


def propose(seen: RepositorySeen, answers: Answers) -> Proposal:
    """Return the services of a repository as its files tell them."""
    stacks = stacks_of(seen)
    links = links_between({name: seen.templates[path] for name, path in stacks.items()})
    unclear = [*_of_whole(seen, answers), *links.unclear]
    services = []
    for name, path in stacks.items():
        one, doubts = _service(seen, name, path, links)
        services += [one] if one else []
        unclear += doubts
    if untested := [one.service.name for one in services if one.untested]:
        unclear.append(
            Unclear(
                what=f"no tests were found of {', '.join(untested)}",
                do="name their commands in tiercel.toml, as `test` of each",
            )
        )
    return Proposal(
        services=tuple(services), languages=languages_of(seen.paths), unclear=tuple(unclear)
    )


def _service(
    seen: RepositorySeen, name: str, path: str, links: StackLinks
) -> tuple[ProposedService | None, list[Unclear]]:
    place, template = PurePosixPath(path), seen.templates[path]
    tests = tests_of(seen, name, str(place.parent))
    fields: dict[str, Any] = {
        "name": name,
        "path": str(place.parent),
        "template": place.name,
        "depends_on": links.depends_on(name),
        "test": tests.command,
        "test_requirements": tests.requirements,
    }
    try:
        service = Service(**fields)
    except ValidationError as error:
        why = "; ".join(details["msg"] for details in error.errors())
        shown = printable(ascii(path), 200)
        return None, [Unclear(what=f"{shown} cannot be a service: {why}", do="rename its folder")]
    taken = [one for one in links.taken if one.service == name]
    given = {output for one in taken for output in one.names} | set(links.stacks_named_by(name))
    proposed = ProposedService(
        service=service,
        takes=tuple(_told(taken, giver) for giver in service.depends_on),
        lacking=tuple(_lacking(template, given)),
        addresses=tuple(_addresses(template)),
        stack_names=tuple(sorted(links.stacks_named_by(name).items())),
        untested=not tests.command and not tests.unclear,
    )
    return proposed, [*_doubts(proposed, template), *tests.unclear]


def _doubts(proposed: ProposedService, template: TemplateDocument) -> Iterator[Unclear]:
    name = proposed.service.name
    if lacking := ", ".join(parameter for parameter, _ in proposed.lacking):
        one = len(proposed.lacking) == 1
        words = (
            ("value", "parameter", "gets", "it") if one else ("values", "parameters", "get", "them")
        )
        yield Unclear(
            what=f"which {words[0]} the {words[1]} {lacking} of {name} {words[2]}",
            do=f"write {words[3]} into tiercel.toml, below services.{name}, or give a Default",
        )
    made = {
        str(one.get("Type"))
        for one in mapping_of(template, "Resources").values()
        if isinstance(one, dict)
    }
    if _PIPELINE in made:
        yield Unclear(
            what=f"whether {name} is still needed: it makes a pipeline of CodePipeline",
            do=f"take services.{name} out of tiercel.toml, if Tiercel does what that did",
        )


def _told(taken: Iterable[Taken], giver: str) -> str:
    names = [name for one in taken if one.giver == giver for name in one.names]
    return f"{', '.join(dict.fromkeys(names))} of {giver}"


def _lacking(template: TemplateDocument, given: set[str]) -> list[tuple[str, bool]]:
    return [
        (name, str(one.get("NoEcho", "")).lower() == "true")
        for name, one in mapping_of(template, "Parameters").items()
        if isinstance(one, dict) and "Default" not in one and name not in given
    ]


def _addresses(template: TemplateDocument) -> list[str]:
    outputs = mapping_of(template, "Outputs")
    return [
        name
        for name, one in outputs.items()
        if isinstance(one, dict) and any(word in str(one.get("Value")) for word in _ADDRESS)
    ]


def _of_whole(seen: RepositorySeen, answers: Answers) -> list[Unclear]:
    """Return what is unclear of the repository as a whole."""
    found = [
        Unclear(what=f"what {path} is: {why}", do="correct it, if it is a template of yours")
        for path, why in seen.unread.items()
    ]
    names = {PurePosixPath(path).name for path in seen.paths}
    found += [
        Unclear(what=f"{file} says that you use {tool}", do="see whether that deploys the same")
        for file, tool in _OTHER_TOOLS.items()
        if file in names
    ]
    for environment in (PREPROD, PROD):
        branch = answers.branch(environment)
        if branch not in seen.branches:
            do = f"`git branch {branch}` and push it, or name another one in tiercel.toml"
            found.append(Unclear(what=f"there is no branch {branch} for {environment}", do=do))
    for path, text in seen.texts.items():
        if path.startswith(".github/workflows/") and (said := _deploys(text)):
            do = "take that step out when Tiercel deploys, or both do"
            found.append(Unclear(what=f"{path} deploys, too: it has `{said}`", do=do))
    return found


def _deploys(text: str) -> str:
    return next((words for words in _DEPLOYING if words in text), "")
