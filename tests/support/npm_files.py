"""Single files out of packages of npm, fetched once and then kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

# Without a registry npm would try for minutes.
_NPM_SETTINGS = {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "60000"}


class UnavailableError(Exception):
    """The file cannot be had here; the text says why."""


def cache_folder() -> Path:
    """Return where what is fetched is kept."""
    default = Path.home() / ".cache" / "tiercel"
    return Path(os.environ.get("TIERCEL_CACHE_DIR", default))


def file_of_package(package: str, member: str, sha256: str, path: Path) -> Path:
    """Return `path`, which the first time is written from a member of the package's archive.

    Nothing of the package is run. Raises UnavailableError if npm is not there or cannot bring
    it, and if the file is another than that with this SHA-256.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(package, member, path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise UnavailableError(f"{path} is not what {package} contained when this was written")
    return path


def _fetch(package: str, name: str, path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError(f"npm, which brings {package}, is not installed")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            subprocess.run(
                [npm, "pack", "--silent", package],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                env=os.environ | _NPM_SETTINGS,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise UnavailableError(f"npm could not bring {package}: {error}") from error
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            member = tar.extractfile(name)
            if member is None:
                raise UnavailableError(f"{package} has no {name}")
            part = Path(folder) / "part"
            part.write_bytes(member.read())
        part.replace(path)
