"""One transfer from a server into a mirror: to whom git speaks, what it is told, what it says."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import urlsplit

from tiercel.domain.base.errors import RefusedInputError, TransientError, UnreachableError
from tiercel.tasks.engine.pace import is_loopback
from tiercel.tasks.engine.processes import Ended
from tiercel.tasks.github.transport.client import token
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.git import Git, git_for, reference_lines, references_in, remove

_GIT_SAYS_NO_REF = "couldn't find remote ref"
_FINAL = (
    "not found",
    "does not appear to be a git",
    "does not exist",
    "could not read Username",
    "Authentication failed",
    "not allowed",
)
_NETWORK = re.compile(
    r"unable to access|could not resolve|connection|timed out|RPC failed|early EOF|hung up|"
    r"disconnect|expected flush|protocol error",
    re.IGNORECASE,
)
"""What git says when the server or the way to it is at fault, and not the mirror."""
_REDIRECTED = re.compile(r"returned error: 30[0-9]|update url base from redirection")


def fetch_into(mirror: Path, url: str, refspec: str) -> tuple[Ended, dict[str, str]]:
    """Fetch, and return how git ended and the references that are there now.

    Those that are not the server's any more go. Raises RefusedInputError for a repository that
    is larger than a mirror may be, UnreachableError for a server to which no token is sent.
    """
    with git_for(mirror, references_in(mirror / "references")) as git:
        ended = git.run(
            "fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules",
            "--no-write-fetch-head", "--end-of-options", url, f"+{refspec}",
            check=False, extra=_allowed(url) | _credentials(url),
        )  # fmt: skip
        _require_size(git, url)
        if ended.returncode:
            return ended, {}
        found = git.references()
    made = mirror / "references.new"
    made.write_bytes(reference_lines(found))
    made.replace(mirror / "references")
    return ended, found


def _require_size(git: Git, url: str) -> None:
    """Raise RefusedInputError if a pack was cut off for its size; what there is of it goes."""
    for pack in git.objects.glob("pack/tmp_pack_*"):
        if pack.lstat().st_size >= git.most_file_bytes:
            remove(pack)
            raise RefusedInputError(
                "source.repository_too_large",
                "the repository is larger than a mirror may be",
                where=url,
                why=f"it comes as a pack of more than {git.most_file_bytes:,} bytes",
                state="nothing was built",
                remedy="take large files out of its history",
            )


def may_be_broken(mirror: Path, ended: Ended) -> bool:
    """Tell whether a mirror that had something may be why it could not be fetched."""
    said = _said(ended)
    known = any(text in said for text in (*_FINAL, _GIT_SAYS_NO_REF))
    has_something = any((mirror / "objects").iterdir())
    return (
        has_something and not known and not _REDIRECTED.search(said) and not _NETWORK.search(said)
    )


def require_fetched(ended: Ended, url: str, refspec: str) -> None:
    """Raise what a fetch that failed means: RefusedInputError, or TransientError if it may pass."""
    if not ended.returncode:
        return
    why = _said(ended)
    if _GIT_SAYS_NO_REF in why:
        raise RefusedInputError(
            "source.no_such_ref",
            f"the repository has no {refspec.partition(':')[0]}",
            where=url,
            state="nothing was built",
            remedy="see on GitHub whether the pull request is open and can be merged",
        )
    if _REDIRECTED.search(why):
        raise UnreachableError(
            "source.redirected",
            "the server sends git to another address, which is not followed",
            where=url,
            why=why,
            state="nothing was built; the other address was told no token",
            remedy="if the repository was renamed, use its new name; else correct "
            "GITHUB_SERVER_URL",
        )
    kind = RefusedInputError if any(text in why for text in _FINAL) else TransientError
    raise kind(
        "source.not_fetched",
        "the repository cannot be fetched",
        where=url,
        why=why,
        state="nothing was built",
        remedy="check that the repository exists, and that GITHUB_TOKEN or the GitHub App has not "
        "expired and may read it",
    )


def _said(ended: Ended) -> str:
    return ended.stderr.decode(errors="replace").strip()[-500:]


def _allowed(url: str) -> dict[str, str]:
    """Let git speak one protocol; without encryption only to this machine.

    UnreachableError for http beyond it: whoever listens on the way would read the token.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(url):
        raise UnreachableError(
            "source.not_encrypted",
            "repositories are fetched by https only",
            where=url,
            state="nothing was sent",
            remedy="set GITHUB_SERVER_URL to an address that begins with https://",
        )
    known = parts.scheme if parts.scheme in ("http", "file") else "https"
    return {"GIT_ALLOW_PROTOCOL": known}


def _credentials(url: str) -> dict[str, str]:
    """Hand git the token through its environment: arguments are seen by every process.

    It is for this one host; that git follows nobody to another one is in `git.py`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not has_credentials():
        return {}
    basic = base64.b64encode(f"x-access-token:{token()}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }
