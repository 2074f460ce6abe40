"""What `tiercel init` asks, writes and shows."""

from __future__ import annotations

import re
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tiercel.cli.terminal.output import Output
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.onboarding.answers import (
    ACCOUNTS,
    Answers,
    proposed_branch,
    proposed_organization,
    require_usable,
)
from tiercel.domain.organization.topology import PREPROD, PROD

if TYPE_CHECKING:
    from tiercel.cli.terminal.readiness import Readiness
    from tiercel.domain.onboarding.proposal import Proposal
    from tiercel.domain.onboarding.seen import RepositorySeen

_LONGEST_DOUBT = 300
"""Characters of what has names from the repository in it; what to do about it stays whole."""
_COPY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}")


@dataclass(frozen=True)
class NewAnswers:
    """What options said; what is empty is asked for, or left open."""

    organization: str
    repository: str
    region: str
    accounts: tuple[str, ...]
    branches: tuple[str, str]
    tiercel: str

    def require_usable(self) -> None:
        """Raise RefusedInputError that names each option with which no file could be written."""
        require_usable(
            Answers(
                organization=self.organization,
                repository=self.repository,
                region=self.region,
                accounts=dict(zip(ACCOUNTS, self.accounts, strict=True)),
                branches=dict(zip((PREPROD, PROD), self.branches, strict=True)),
            )
        )


def answered(given: NewAnswers, seen: RepositorySeen, *, ask: bool) -> Answers:
    """Return the answers of options, and on a terminal of whoever sits there.

    Raises RefusedInputError that names the option of what was answered wrong.
    """
    if given.tiercel and not _COPY.fullmatch(given.tiercel):
        raise RefusedInputError(
            "onboarding.no_such_copy",
            "this names no copy of Tiercel at a commit",
            where=f"--tiercel {printable(given.tiercel, 100)}",
            state="nothing was written",
            remedy="give OWNER/NAME@COMMIT, with all 40 digits of the commit",
        )
    asked = ask and sys.stdin.isatty() and sys.stderr.isatty()

    def answer(words: str, known: str, proposed: str = "") -> str:
        if known or not asked:
            return known or proposed
        return str(typer.prompt(words, default=proposed, err=True)).strip()

    organization = answer("organization", given.organization, proposed_organization(seen))
    repository = answer("repository on GitHub", given.repository, seen.repository)
    branches = {
        name: answer(f"branch of {name}", known, proposed_branch(seen.branches, name))
        for name, known in zip((PREPROD, PROD), given.branches, strict=True)
    }
    answers = Answers(
        organization=organization,
        repository=repository,
        region=answer("region", given.region),
        accounts={
            place: answer(f"{place[1].replace('_', ' ')} of {place[0]}, empty if unknown", known)
            for place, known in zip(ACCOUNTS, given.accounts, strict=True)
        },
        external_ids={
            name: f"{organization}-{name}-{secrets.token_hex(3)}" for name in (PREPROD, PROD)
        },
        branches=branches,
        tiercel=given.tiercel,
    )
    require_usable(answers)
    return answers


def write_new(
    clone: Path, proposal: Proposal, answers: Answers, *, workflows: bool
) -> tuple[list[str], list[str]]:
    """Write what is not there; return the paths that were written, and those that were kept.

    Raises what `config check` would say of the file, before anything is written.
    """
    from tiercel.domain.configuration.parsing import parse_services, parse_topology
    from tiercel.domain.onboarding.callers import NEEDED_CALLERS, caller_texts
    from tiercel.domain.onboarding.config_text import config_text
    from tiercel.domain.onboarding.stand_in import stand_in_topology
    from tiercel.tasks.engine.resources import resource
    from tiercel.tasks.source.topology_file import CONFIG_FILE
    from tiercel.tasks.source.working_tree import require_within

    if not proposal.services:
        raise RefusedInputError(
            "onboarding.no_template",
            "there is no template of CloudFormation or SAM in this repository",
            where=str(clone),
            why="; ".join(one.what for one in proposal.unclear)[:400],
            state="nothing was written",
            remedy="Tiercel releases stacks: add a template.yaml for what you deploy",
        )
    text = config_text(proposal, answers)
    if answers.complete:
        parse_topology(text, CONFIG_FILE)
    else:
        parse_services(text, stand_in_topology(), CONFIG_FILE)
    files = {CONFIG_FILE: text}
    if workflows:
        folder = resource("examples", "github")
        originals = {name: (folder / name).read_text() for name in NEEDED_CALLERS}
        files |= caller_texts(originals, answers)
    written, kept = [], []
    for path in files:
        require_within(clone, path)
    for path, body in files.items():
        place = clone / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8") as file:
                file.write(body)
            written.append(path)
        except FileExistsError:
            kept.append(path)
        except OSError as error:
            raise _not_written(place, error, written) from error
    return written, kept


def _not_written(place: Path, error: OSError, written: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "onboarding.not_written",
        "a file cannot be written",
        where=str(place),
        why=str(error),
        state=f"written: {', '.join(written) or 'nothing'}",
        remedy="see who owns that folder, then repeat: what is there is kept",
    )


def show_written(output: Output, proposal: Proposal, written: list[str], kept: list[str]) -> None:
    """Say which services there are, what was written, what was not told, and what is next."""
    services = [one.service for one in proposal.services]
    output.document(
        "init",
        {
            "written": written,
            "kept": kept,
            "languages": [one.name for one in proposal.languages],
            "services": [one.model_dump(mode="json", exclude_defaults=True) for one in services],
            "unclear": [one.model_dump(mode="json") for one in proposal.unclear],
        },
    )
    if output.as_json:
        return
    output.table(
        "Services",
        ("service", "folder", "template", "after", "tests"),
        [
            (one.name, one.path, one.template, ", ".join(one.depends_on), " ".join(one.test))
            for one in services
        ],
    )
    for path in written:
        output.result(f"written: {path}")
    for path in kept:
        output.result(f"kept as it was: {path}")
    if proposal.unclear:
        output.result("Could not be told:")
        for one in proposal.unclear:
            doubt = f"{printable(one.what, _LONGEST_DOUBT)}: {printable(one.do, 200)}"
            output.result(doubt, before="- ")
    output.result("Next: look at tiercel.toml, then `tiercel init --check`")


def show_readiness(output: Output, found: Readiness) -> None:
    """Show all that would stop a first release, each with what to do."""
    output.document(
        "init-check",
        {
            "clone": str(found.clone),
            "services": found.services,
            "seconds": round(found.seconds, 3),
            "errors": [error.failure.document() for error in found.errors],
        },
    )
    if output.as_json:
        return
    for error in found.errors:
        output.error_note(error)
    looked = f"{_counted(found.services, 'service')} in {found.seconds:.1f} s"
    if found.errors:
        things = _counted(len(found.errors), "thing")
        output.result(f"{things} would stop a first release: {looked}")
        return
    output.result(
        f"nothing that can be told offline stops a first release: {looked}. Next: `tiercel demo "
        f"--repository {found.clone}`, then `tiercel provision preprod`"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
