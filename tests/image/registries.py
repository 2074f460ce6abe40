"""How this machine reaches the index of packages, as the secrets that the Containerfile reads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_IN_THE_IMAGE = "/etc/ssl/certs/ca-certificates.crt"
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT")
_OWN_AUTHORITIES = Path("/usr/local/share/ca-certificates")


def secrets(folder: Path) -> dict[str, Path]:
    """Write the files into a folder; return their paths by the names of the secrets."""
    index, bundle = _index(), _bundle()
    pip = ["[global]", "timeout = 180"]
    uv = ["system-certs = true"]
    if index:
        pip.append(f"index-url = {index}")
        uv.append(f'index-url = "{index}"')
    found = {"pip.conf": folder / "pip.conf", "uv.toml": folder / "uv.toml"}
    if bundle:
        pip.append(f"cert = {_IN_THE_IMAGE}")
        found["ca.crt"] = bundle
    found["pip.conf"].write_text("\n".join([*pip, ""]))
    found["uv.toml"].write_text("\n".join([*uv, ""]))
    return found


def machines_own() -> list[str]:
    """What nobody else's machine has: the address of its index, and authorities added by hand."""
    authorities = _OWN_AUTHORITIES.glob("*.crt") if _OWN_AUTHORITIES.is_dir() else ()
    # A line in the middle of a certificate is that certificate's alone.
    lines = [path.read_text("ascii").splitlines() for path in authorities]
    return [text for text in (_index(), *(one[len(one) // 2] for one in lines)) if text]


def _index() -> str:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name]
    pip = shutil.which("pip")
    if not pip:
        return ""
    told = [pip, "config", "get", "global.index-url"]
    return subprocess.run(told, check=False, capture_output=True, text=True).stdout.strip()


def _bundle() -> Path | None:
    named = [os.environ[name] for name in _BUNDLE_VARIABLES if os.environ.get(name)]
    paths = [Path(one) for one in (*named, _IN_THE_IMAGE)]
    return next((path for path in paths if path.is_file()), None)
