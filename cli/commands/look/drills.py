"""`tiercel drills`: how earlier drills went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import file_not_written

_DEFAULT = "preprod"


@shared(Settings)
def drills(
    environment: Annotated[
        str, typer.Argument(help="The environment, such as preprod.", show_default=_DEFAULT)
    ] = "",
    *,
    shadow: Annotated[
        str, typer.Option(metavar="PROD", help="Those of the shadow of this production instead.")
    ] = "",
    newest: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    number: Annotated[
        int, typer.Option("--open", metavar="N", min=0, help="Write the page of one, and open it.")
    ] = 0,
    page: Annotated[
        Path | None, typer.Option("--page", help="Where the page is written; it is not opened.")
    ] = None,
    settings: Settings,
) -> None:
    """List the drills of an environment that have ended, or open the page of one."""
    from tiercel.domain.drill.shadow import shadow_title
    from tiercel.domain.pages.environment.drill_html import drill_html
    from tiercel.domain.pages.environment.drill_page import duration
    from tiercel.tasks.teardown.drill_records import no_drill, read_reports

    output = settings.output
    place = settings.topology().verifying.name if shadow else environment or _DEFAULT
    names = settings.names(place)
    title = shadow_title(shadow) if shadow else names.environment.name
    records = settings.target(names).records
    reports = read_reports.fn(records, 10_000 if number else newest)
    mine = [one for one in reports if one.environment == title]
    if not number:
        output.document("drills", [one.model_dump(mode="json") for one in mine])
        if not settings.as_json:
            output.table(
                f"Drills of {title}",
                ("number", "began", "recovery", "stacks", "of the critical path", "ended"),
                [
                    (
                        str(one.number),
                        f"{one.at:%Y-%m-%d %H:%M}",
                        duration(one.seconds),
                        str(one.stacks),
                        f"{one.distance:.2f}",
                        "passed" if one.passed else "failed",
                    )
                    for one in mine
                ],
            )
        return
    found = next((one for one in mine if one.number == number), None)
    if found is None:
        raise no_drill(number, records.bucket)
    path = page or Path(f"drill-{title.replace(' ', '-')}-{number}.html")
    try:
        path.write_text(drill_html(found), encoding="utf-8")
    except OSError as error:
        raise file_not_written(str(path), str(error)) from error
    output.document("drill-page", {"page": str(path), "report": found.model_dump(mode="json")})
    if not settings.as_json:
        output.result(f"written: {path}")
        if page is None:
            typer.launch(str(path))
