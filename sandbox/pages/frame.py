"""A whole page: its frame, the headers that keep it harmless, and who is answer_page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from tiercel.sandbox.pages.markup import Markup, element, link, side_by_side

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --paper: #fff; --line: #d1d9e0;
  --soft: #f6f8fa; --link: #0550ae; --good: #116329; --bad: #a40e26; --open: #7d4e00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9198a1; --paper: #0d1117; --line: #3d444d; --soft: #151b23;
    --link: #79c0ff; --good: #56d364; --bad: #ff7b72; --open: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
nav, .quiet, dt { color: var(--quiet); }
h1 { font-size: 1.5rem; margin: .5rem 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  vertical-align: top; overflow-wrap: normal; }
th { color: var(--quiet); font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .2rem 1rem; }
dd { margin: 0; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .6rem;
  white-space: pre-wrap; font: 13px/1.45 ui-monospace, monospace; }
code { font: .9em ui-monospace, monospace; }
.state { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.open { color: var(--open); }
footer { border-top: 1px solid var(--line); color: var(--quiet); margin-top: 2rem; }
"""
_ALLOWED = ("GET", "HEAD")


@dataclass(frozen=True)
class PageAnswer:
    """What a browser gets."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class PageRequest:
    """What a browser asks for; `path` is as it was sent."""

    method: str
    path: str
    host: str

    @property
    def parts(self) -> list[str]:
        """The decoded parts of the path: `%2F` is part of one."""
        return [unquote(part, errors="replace") for part in self.path.split("/") if part]


def answer_page(
    request: PageRequest, port: int, show: Callable[[list[str]], bytes | None]
) -> PageAnswer:
    """Return the page that `show` makes of a path's parts, None if there is none.

    Nobody is asked who he is, so nothing is changed, and no page of another name is answer_page: a
    site in the same browser could have its own name lead to this machine.
    """
    if request.method not in _ALLOWED:
        return _short(405, "Only GET", "These pages are only looked at.", {"Allow": "GET, HEAD"})
    if request.host not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
        return _short(421, "Not here", "These pages are only shown to this machine.")
    body = show(request.parts)
    if body is None:
        return _short(404, "No such page", "The sandbox has no page of this address.")
    return PageAnswer(200, _headers(), body)


def html_page(title: str, trail: Iterable[tuple[str, str]], *parts: str) -> bytes:
    """Return a page below links to what it is a part of: names with addresses."""
    above = [piece for name, address in trail for piece in (link(name, address), " / ")]
    head = side_by_side(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", f"{title} · sandbox"),
            element("style", Markup(_STYLE)),
        ]
    )
    footer = element(
        "footer", "A page of Tiercel's sandbox: nothing here is GitHub's or AWS's own."
    )
    body = [element("nav", *above), element("h1", title), *parts, footer]
    whole = element("html", element("head", head), element("body", *body), lang="en")
    return f"<!doctype html>\n{whole}\n".encode()


def _headers() -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _short(status: int, title: str, text: str, more: dict[str, str] | None = None) -> PageAnswer:
    return PageAnswer(status, _headers() | (more or {}), html_page(title, [], element("p", text)))
