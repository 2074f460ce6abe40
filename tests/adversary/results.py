"""Results of builds elsewhere that are no plain folder: what CodeBuild's place unpacks."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

from tests.adversary.frame import Attack, Kind, Removal
from tiercel.domain.base.errors import RefusedInputError
from tiercel.tasks.build.tarballs import unpack_untrusted

_TARBALLS = "tasks.build.tarballs"
_SECRET = "of the worker"


def _member(name: str, link: str = "", body: bytes = b"") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
    info.size = len(body)
    return info.tobuf(tarfile.PAX_FORMAT) + body + b"\0" * (-len(body) % 512)


def _unpacked(folder: Path, *members: bytes) -> Path:
    """Unpack such a result, and return the folder; a refusal is what the attacker sees of it."""
    (folder / "secret").write_text(_SECRET)
    (folder / "theirs").mkdir()
    archive, target = folder / "result.tar.gz", folder / "result"
    archive.write_bytes(gzip.compress(b"".join(members) + b"\0" * 1024))
    try:
        unpack_untrusted(archive, target, "attack")
    except RefusedInputError:
        for path in target.rglob("*"):
            if path.is_symlink():
                path.unlink()  # a refused result is packaged by nobody
    return target


def _absolute_name(folder: Path) -> bool:
    """A file's name leads to another place of the worker."""
    _unpacked(folder, _member(str(folder / "theirs" / "x"), body=b"x"))
    return (folder / "theirs" / "x").exists()


def _name_upwards(folder: Path) -> bool:
    """A file's name leads out by its parents."""
    _unpacked(folder, _member("a/../../theirs/x", body=b"x"), _member("a/y", body=b"y"))
    return (folder / "theirs" / "x").exists()


def _absolute_link(folder: Path) -> bool:
    """A link leads to a secret, which would be packaged."""
    found = _unpacked(folder, _member("link", str(folder / "secret"))) / "link"
    return found.exists() and found.read_text() == _SECRET


def _link_upwards(folder: Path) -> bool:
    """A link leads to a secret by its parents."""
    found = _unpacked(folder, _member("link", "../secret")) / "link"
    return found.exists() and found.read_text() == _SECRET


def _link_turned_later(folder: Path) -> bool:
    """A link leads out once a second one, made later, is what it goes through."""
    members = (_member("link", "turn/../secret"), _member("turn", "."))
    found = _unpacked(folder, *members) / "link"
    return found.exists() and os.path.realpath(found) == str(folder / "secret")


def _write_through_link(folder: Path) -> bool:
    """A file is written where a link before it leads."""
    _unpacked(folder, _member("link", "../theirs"), _member("link/x", body=b"x"))
    return (folder / "theirs" / "x").exists()


_NAMES = Removal(f"{_TARBALLS}:_safe_name", 'plain != "."', "False")
_BELOW = Removal(f"{_TARBALLS}:_require_below", "if not (", "if False and not (")

ATTACKS = (
    Attack("absolute name", Kind.WRITE, "names are judged", (_NAMES,), _absolute_name),
    Attack("name upwards", Kind.WRITE, "names are judged", (_NAMES,), _name_upwards),
    Attack(
        "absolute link",
        Kind.READ,
        "links are relative, and end in the folder",
        (Removal(f"{_TARBALLS}:_link", 'target.startswith("/")', "False"), _BELOW),
        _absolute_link,
    ),
    Attack("link upwards", Kind.READ, "links end in the folder", (_BELOW,), _link_upwards),
    Attack(
        "link turned later",
        Kind.READ,
        "links are judged again when all are made",
        (
            Removal(
                f"{_TARBALLS}:_unpack",
                '_require_below(folder, folder / name, f"{name} -> {target}", shown)',
                "pass",
            ),
        ),
        _link_turned_later,
    ),
    Attack(
        "write through a link",
        Kind.WRITE,
        "links are made last",
        (
            Removal(
                f"{_TARBALLS}:_unpack",
                "links[name] = member.linkname",
                "(folder / name).symlink_to(member.linkname)",
            ),
        ),
        _write_through_link,
    ),
)
