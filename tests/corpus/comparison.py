"""Compares the packages of public applications with those that `sam build` makes of them.

python -m tests.corpus.comparison --corpus FOLDER [--only NAME ...] [--json FILE]

For each function and layer that both have built: which files only one of them has, which have
other contents or another executable bit, and whether the handler can be loaded from either.
"""
# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import json
import re
import shutil
import stat
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.place import CONFIG, sandbox, topology, working_folder
from tests.corpus.applications import Application, applications, write_files
from tests.corpus.checkouts import Checkout, Subject, checkouts
from tests.corpus.handlers import loads
from tests.corpus.peer import Peer, peer
from tests.corpus.product import Packaged, package
from tiercel.cli.terminal.session import use_sandbox
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.topology import Builds
from tiercel.sandbox.repositories import git_in, head
from tiercel.tasks.build.places import place_of

# What only tells who installed it, where and when; nothing reads it in Lambda.
# And what only pip makes of a wheel that asks for it: scripts beside the libraries.
_NOTES = re.compile(
    r"(^|/)(__pycache__/.*|[^/]+\.pyc|[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|WHEEL|"
    r"direct_url\.json|uv_cache\.json)|node_modules/\.package-lock\.json|\.npmrc|"
    r"package-lock\.json|bin/[^/]+|[^/]+\.data/scripts/[^/]+)$"
)
_SHOWN = 8


@dataclass
class Compared:
    """One function or layer of an application, as both have built it."""

    application: str
    logical_id: str
    files: int = 0
    only_ours: list[str] = field(default_factory=list)
    only_sam: list[str] = field(default_factory=list)
    other_content: list[str] = field(default_factory=list)
    other_mode: list[str] = field(default_factory=list)
    ours_loads: str = ""
    sam_loads: str = ""

    @property
    def is_same(self) -> bool:
        """Whether both have the same files with the same contents and modes."""
        return not (self.only_ours or self.only_sam or self.other_content or self.other_mode)


def compare(
    application: Application,
    checkout: Checkout,
    other: Peer,
    folder: Path,
    indexes: Sequence[str],
) -> list[Compared]:
    """Build an application twice and compare; raises TiercelError if ours fails.

    ValueError, with the words of `sam`, if it builds nothing.
    """
    found: list[Compared] = []
    for service, keys in application.services.items():
        shutil.rmtree(folder, ignore_errors=True)
        clone = folder / "clone"
        clone.mkdir(parents=True)
        write_files(application, checkout, clone)
        git_in(clone, "init", "--quiet")
        git_in(clone, "add", "--all", "--force")
        git_in(clone, "commit", "--quiet", "--message=As it is published")
        template = str(Path(str(keys["path"])) / str(keys.get("template", "template.yaml")))
        subject = Subject(Checkout("acme/compared", head(clone), clone / ".git"), template)
        reaching = topology().model_copy(update={"builds": Builds(indexes=tuple(indexes))})
        packaged = package(subject, place_of(reaching.builds), reaching, folder / "ours")
        theirs = folder / "sam"
        code, words = other.run(
            (clone / template).parent,
            *("build", "--template-file", Path(template).name, "--build-dir", str(theirs)),
        )
        if code:
            raise ValueError(words[-300:])
        found += _of_all(f"{application.name}/{service}", packaged, theirs, folder)
    return found


def _of_all(name: str, packaged: Packaged, theirs: Path, folder: Path) -> list[Compared]:
    compared = []
    for asset in packaged.built.manifest.assets:
        built = theirs / asset.logical_id
        archive = packaged.built.files[asset.sha256]
        if not built.is_dir() or not zipfile.is_zipfile(archive):
            continue
        ours = folder / "unpacked" / asset.logical_id
        _unpack(archive, ours)
        one = _compared(Compared(name, asset.logical_id), ours, built)
        one.ours_loads = loads(ours, asset.logical_id, packaged.template)
        one.sam_loads = loads(built, asset.logical_id, packaged.template)
        compared.append(one)
    return compared


def _compared(one: Compared, ours: Path, theirs: Path) -> Compared:
    own, other = _files(ours), _files(theirs)
    both = sorted(own.keys() & other.keys())
    one.files = len(both)
    one.only_ours = sorted(own.keys() - other.keys())
    one.only_sam = sorted(other.keys() - own.keys())
    one.other_content = [name for name in both if not _same_bytes(own[name], other[name])]
    one.other_mode = [name for name in both if _executable(own[name]) != _executable(other[name])]
    return one


def _files(root: Path) -> dict[str, Path]:
    return {
        name: path
        for path in root.rglob("*")
        if not path.is_dir() or path.is_symlink()
        if not _NOTES.search(name := path.relative_to(root).as_posix())
    }


def _same_bytes(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.resolve().exists() == other.resolve().exists()
    return one.read_bytes() == other.read_bytes()


def _executable(path: Path) -> bool:
    return path.is_symlink() or bool(path.stat().st_mode & stat.S_IXUSR)


def _unpack(archive: Path, target: Path) -> None:
    """With modes and links, which zipfile leaves out."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path, mode = target / entry.filename, entry.external_attr >> 16
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                path.symlink_to(opened.read(entry).decode())
            elif not entry.is_dir():
                path.write_bytes(opened.read(entry))
                path.chmod(stat.S_IMODE(mode) or 0o644)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print a line for each function; 1 if a handler of ours cannot be loaded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of clones")
    parser.add_argument("--only", nargs="*", default=(), help="names of applications")
    parser.add_argument("--json", type=Path, help="write the comparisons to a file")
    parser.add_argument("--indexes", nargs="*", default=(), help="hosts that builds reach")
    options = parser.parse_args(arguments)
    known = {one.name: one for one in checkouts(options.corpus)}
    found: list[Compared] = []
    with working_folder() as folder, sandbox(folder / "sandbox", prefect=False) as running:
        use_sandbox(running.state, CONFIG)
        with peer(running) as other:
            for application in applications():
                if options.only and application.name not in options.only:
                    continue
                checkout = known[application.repository]
                try:
                    new = compare(application, checkout, other, folder / "work", options.indexes)
                except (TiercelError, ValueError) as error:
                    print(f"{application.name}: not compared: {str(error)[:300]}", flush=True)
                    continue
                found += new
                for one in new:
                    print(_line(one), flush=True)
                if options.json:
                    options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    same = [one for one in found if one.is_same]
    count = len({one.application for one in found})
    print(f"{len(same)} of {len(found)} packages of {count} services are the same")
    return int(any(one.ours_loads not in ("", "loads") for one in found))


def _line(one: Compared) -> str:
    differences = [
        f"{title} {len(names)} ({', '.join(names[:_SHOWN])})"
        for title, names in (
            ("only ours", one.only_ours),
            ("only sam's", one.only_sam),
            ("other content", one.other_content),
            ("other mode", one.other_mode),
        )
        if names
    ]
    told = "; ".join(differences) or "the same"
    handlers = f"ours {one.ours_loads or 'not tried'}, sam's {one.sam_loads or 'not tried'}"
    return f"{one.application} {one.logical_id}: {one.files} files, {told}; {handlers}"


if __name__ == "__main__":
    sys.exit(main())
