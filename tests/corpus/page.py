"""Writes docs/understand/applications.md from what the three runners have found.

python -m tests.corpus.page --templates FILE --applications FILE --packages FILE
"""
# ruff: noqa: E501 - the lines of a page

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.corpus.applications import Course
from tests.corpus.comparison import Compared
from tests.corpus.kinds import KINDS, Verdict, verdict_of
from tests.corpus.outcome import Outcome
from tests.corpus.report import rates

# What says where the measuring machine keeps something.
_PLACE = re.compile(r"(?<![\w.…])/(?:home|opt|private|root|tmp|usr|Users|var|work)/[^\s'\"`|,;:)]*")
PAGE = Path(__file__).parents[2] / "docs" / "understand" / "applications.md"
_HEAD = """# Public applications

What Tiercel makes of applications that nobody here wrote. This page is written by
`python -m tests.corpus.page` from the results of three commands, none of which is in `make test`:

| command | what it does |
|---|---|
| `make corpus CORPUS=FOLDER` | takes each template of the repositories in `tests/corpus/repositories.toml` through packaging, SAM's own translator, the boundary of every role, the services, cfn-lint and the sandbox, beside `sam package` |
| `python -m tests.corpus.applications --corpus FOLDER` | takes the applications in `tests/corpus/applications.toml` with `tiercel publish`, `deploy` and `promote` to Prod in the sandbox, then all of it again |
| `python -m tests.corpus.comparison --corpus FOLDER` | compares the packages of these applications with those of `sam build` |

FOLDER has clones, as `owner/name` or `owner+name`; `make corpus` without it fetches them from GitHub
into `.tiercel/corpus`. Nothing of these repositories is kept here. A template of each kind that we
wrote ourselves stands in `tests/corpus/sample-templates` and is a test.

"""


def page(
    templates: Sequence[Outcome], courses: Sequence[Course], packages: Sequence[Compared]
) -> str:
    """Return the whole page."""
    parts = (_templates(templates), _courses(courses), _packages(packages))
    return _HEAD + "\n".join(line for part in parts for line in part)


def without_places(text: str) -> str:
    """Return a text without the paths of the machine on which it was said."""
    return _PLACE.sub("…", text)


def _templates(outcomes: Sequence[Outcome]) -> Iterator[str]:
    repositories = {one.repository for one in outcomes}
    owners = {one.partition("/")[0] for one in repositories}
    yield "## Templates\n"
    yield (
        f"{len(outcomes)} templates of {len(repositories)} repositories of {len(owners)} owners. "
        "Builds are not run here: what they would make is judged by the applications below.\n"
    )
    yield "| outcome | templates | kind |\n|---|---|---|"
    counted = Counter(one.kind for one in outcomes)
    for verdict in Verdict:
        for kind, count in counted.most_common():
            if verdict_of(kind) is verdict:
                told = KINDS[kind][1] if kind in KINDS else "open"
                yield f"| {verdict} | {count} | `{kind}`: {told} |"
    yield ""
    yield from (f"- {line}" for line in rates(outcomes))
    yield ""


def _courses(courses: Sequence[Course]) -> Iterator[str]:
    done = [one for one in courses if not one.stopped_at]
    kinds = {kind for one in done for kind in one.kinds}
    yield "## Whole applications\n"
    yield (
        f"{len(done)} of {len(courses)} reach Prod unchanged, and nothing is deployed the second "
        f"time; they are of {len(kinds)} kinds. Seconds of each command, on 2 cores that others "
        "used too; packages come from the public indexes.\n"
    )
    yield "| application | kinds | publish | deploy | promote | all again |\n|---|---|---|---|---|---|"
    for one in done:
        seconds = " | ".join(
            f"{one.seconds[word]:.1f}" for word in ("publish", "deploy", "promote")
        )
        again = sum(one.again.values())
        yield f"| {one.repository} `{one.path}` | {', '.join(one.kinds)} | {seconds} | {again:.1f} |"
    yield "\nThose that do not go, and why:\n"
    yield "| application | kinds | stopped at | because |\n|---|---|---|---|"
    for one in courses:
        if one.stopped_at:
            why = without_places(one.why).replace("\n", " ").replace("|", "\\|")[:300]
            kinds_of = ", ".join(one.kinds)
            yield f"| {one.repository} `{one.path}` | {kinds_of} | {one.stopped_at} | {why} |"
    yield ""


def _packages(packages: Sequence[Compared]) -> Iterator[str]:
    services = {one.application for one in packages}
    same = [one for one in packages if one.is_same]
    yield "## Packages beside `sam build`\n"
    yield (
        f"{len(packages)} functions and layers of {len(services)} services; {len(same)} have the "
        "same files with the same contents and executable bits. Left out of the comparison is what "
        "only says who installed it, where and when: `RECORD`, `INSTALLER`, `__pycache__`, "
        "`node_modules/.package-lock.json`, `package-lock.json`, `.npmrc`, and the scripts in `bin` "
        "that carry the path of the Python that installed them. The handlers were loaded by the "
        "runtime's own interpreter where this machine has it.\n"
    )
    yield "| package | files in both | differences | ours | sam's |\n|---|---|---|---|---|"
    for one in packages:
        told = "; ".join(
            f"{title} {len(names)}: `{'`, `'.join(names[:2])}`"
            for title, names in (
                ("only ours", one.only_ours),
                ("only sam's", one.only_sam),
                ("other content", one.other_content),
                ("other mode", one.other_mode),
            )
            if names
        )
        said = f"{one.ours_loads or '-'} | {one.sam_loads or '-'}"
        loads = without_places(said).replace("\n", " ")
        yield f"| {one.application} {one.logical_id} | {one.files} | {told or 'none'} | {loads} |"
    yield ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("templates", "applications", "packages"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args(arguments)
    PAGE.write_text(
        page(
            [Outcome(**one) for one in _read(options.templates)],
            [Course(**one) for one in _read(options.applications)],
            [Compared(**one) for one in _read(options.packages)],
        )
    )


def _read(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


if __name__ == "__main__":
    main()
