"""The report of a drill as one HTML page: no script, nothing from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tiercel.domain.base.digests import short
from tiercel.domain.base.text import printable
from tiercel.domain.drill.record import Phase
from tiercel.domain.drill.report import Bar, DrillReport, Earlier
from tiercel.domain.pages.environment.drill_page import duration

_LONGEST = 300
_STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1c2430;--soft:#5b6675;--line:#d9dee6;
--delete:#c2571a;--prove-empty:#7a5ea8;--foundation:#8a6d1f;
--rebuild:#1f6fb2;--verify:#2b8a4b;--bad:#b3261e;--good:#1e7a3c}
@media(prefers-color-scheme:dark){:root{--back:#12161c;--text:#e6eaf0;--soft:#9aa6b5;--line:#2b333e;
--delete:#e08a4f;--prove-empty:#a98fd6;--foundation:#d1b25c;
--rebuild:#5ba6e6;--verify:#5cbf7d;--bad:#f2867e;--good:#6fcf8d}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);
font:16px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
p{margin:.3rem 0}.soft{color:var(--soft)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
.fact{border:1px solid var(--line);border-radius:.5rem;padding:.6rem}
.fact b{display:block;font-size:1.25rem}.fact span{color:var(--soft);font-size:.85rem}
.good{color:var(--good)}.bad{color:var(--bad)}
.row{display:grid;grid-template-columns:13rem 1fr 6rem;gap:.5rem;align-items:center;
padding:.15rem 0;border-bottom:1px solid var(--line);font-size:.9rem}
.row>:first-child{overflow-wrap:anywhere}.row>:last-child{text-align:right;white-space:nowrap}
.track{position:relative;height:1rem}
.bar{position:absolute;top:.1rem;height:.8rem;min-width:2px;border-radius:.2rem}
.delete{background:var(--delete)}.prove-empty{background:var(--prove-empty)}
.begin-foundation,.destroy-foundation,.apply-foundation{background:var(--foundation)}
.rebuild{background:var(--rebuild)}.verify{background:var(--verify)}
.critical{box-shadow:0 0 0 2px var(--text)}
.failed{background:var(--bad)}
.key{display:flex;flex-wrap:wrap;gap:1rem;font-size:.85rem;margin:.5rem 0}
.key i{display:inline-block;width:.9rem;height:.9rem;border-radius:.2rem;margin-right:.3rem;
vertical-align:-.1rem}
ul{margin:.3rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}
@media(max-width:40rem){.row{grid-template-columns:1fr 6rem}
.row .track{grid-column:1/-1;order:3}.row>:last-child{order:2}}
"""


def drill_html(report: DrillReport) -> str:
    """Return the whole page. What comes from stacks is escaped."""
    verdict = "passed" if report.passed else "failed"
    title = f"Drill {report.number} of {_text(report.environment)}: {verdict}"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            (
                '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
                "style-src 'unsafe-inline'\">"
            ),
            f"<title>{title}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{title}</h1>",
            (
                f'<p class="soft">{report.at:%Y-%m-%d %H:%M} UTC, account {_text(report.account)}, '
                f"approved by {_text(report.approved_by)}, plan {short(report.digest)}</p>"
            ),
            _facts(report),
            "<h2>What happened when</h2>",
            _key(report),
            *(_row(bar, report.span) for bar in report.bars),
            "<h2>Critical path</h2>",
            f"<p>{' → '.join(_text(one) for one in report.critical_path)}</p>",
            *_trend(report),
            *_lists(report),
            "</main></body></html>",
        )
    )


def _facts(report: DrillReport) -> str:
    objective = duration(report.objective_seconds) if report.objective_seconds else "none"
    met = "good" if report.objective_met else "bad"
    facts = (
        ("recovery time", duration(report.seconds), "good" if report.passed else "bad"),
        ("objective", objective, met),
        ("critical path", duration(report.critical_seconds), ""),
        ("times the critical path", f"{report.distance:.2f}", ""),
        ("stacks", str(report.stacks), ""),
        *((phase, duration(seconds), "") for phase, seconds in report.phases.items()),
    )
    cells = "".join(
        f'<div class="fact"><span>{_text(name)}</span><b class="{kind}">{_text(value)}</b></div>'
        for name, value, kind in facts
    )
    return f'<div class="facts">{cells}</div>'


def _key(report: DrillReport) -> str:
    phases = [one for one in Phase if one in report.phases]
    marks = "".join(f'<span><i class="{one}"></i>{one}</span>' for one in phases)
    return (
        f'<div class="key">{marks}<span><i class="critical"></i>on the critical path</span></div>'
    )


def _row(bar: Bar, total: float) -> str:
    whole = total or 1.0
    left, width = 100 * bar.start / whole, 100 * bar.seconds / whole
    kinds = [_text(bar.phase), *(["failed"] if bar.failed else [])]
    kinds += ["critical"] if bar.critical else []
    steps = ", ".join(f"{name} {duration(spent)}" for name, spent in bar.steps.items())
    told = f"{bar.phase} {bar.stack}: after {duration(bar.start)}, {duration(bar.seconds)}"
    told += f" ({steps})" if steps else ""
    return (
        f'<div class="row" title="{_text(told)}"><span>{_text(bar.phase)} {_text(bar.stack)}</span>'
        f'<div class="track"><div class="bar {" ".join(kinds)}" '
        f'style="left:{left:.2f}%;width:{width:.2f}%"></div></div>'
        f"<span>{'failed' if bar.failed else duration(bar.seconds)}</span></div>"
    )


def _trend(report: DrillReport) -> Iterable[str]:
    """Yield this drill and those before it, the oldest first, as bars of their recovery times."""
    own = report.as_earlier()
    drills: Sequence[Earlier] = [*reversed(report.earlier), own]
    if len(drills) < 2:
        return
    longest = max(one.seconds for one in drills) or 1.0
    yield "<h2>Trend</h2>"
    for one in drills:
        width = 100 * one.seconds / longest
        kind = "rebuild" if one.passed else "failed"
        yield (
            f'<div class="row"><span>drill {one.number}, {one.at:%Y-%m-%d}, {one.stacks} stacks'
            f'</span><div class="track"><div class="bar {kind}" style="left:0;width:{width:.2f}%">'
            f"</div></div><span>{duration(one.seconds)}</span></div>"
        )


def _lists(report: DrillReport) -> Iterable[str]:
    stayed = [f"{one.path} ({one.physical_id}): {one.reason}" for one in report.remains]
    left_out = [f"{one.service}: {one.why}" for one in report.left_out]
    for title, lines in (
        ("What failed", report.failures),
        *((("Left out, and why", left_out),) if report.shadow_of else ()),
        ("What is not as it was", report.differences),
        ("Data that was lost", report.lost),
        ("What stayed", stayed),
        ("Pending by AWS's nature", report.pending),
        ("Made anew by AWS", report.generated),
    ):
        items = "".join(f"<li>{_text(line)}</li>" for line in lines)
        yield f"<h2>{_text(title)}</h2>" + (f"<ul>{items}</ul>" if items else "<p>none</p>")


def _text(text: str) -> str:
    return escape(printable(text, _LONGEST))
