"""Terraform on this machine, with its providers from a folder: there is no registry in tests."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

_REGISTRY = "registry.terraform.io"
_NO_FILES = {"dev", "proc", "sys"}


def find_mirror() -> Path | None:
    """Return a folder that mirrors Terraform's registry and has the AWS provider, if any.

    Looks where Terraform itself looks, and up to three folders below the root.
    https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    """
    tops = [top for top in Path("/").iterdir() if top.name not in _NO_FILES and top.is_dir()]
    below = itertools.chain.from_iterable(top.glob(f"*/{_REGISTRY}") for top in tops)
    found = [
        Path.home() / ".terraform.d" / "plugins" / _REGISTRY,
        Path("/usr/local/share/terraform/plugins", _REGISTRY),
        *(top / _REGISTRY for top in tops),
        *below,
    ]
    mirrors = [one.parent for one in found if any(one.glob("hashicorp/aws/5.*/*"))]
    return mirrors[0] if mirrors else None


def why_not() -> str:
    """Return why Terraform cannot run here, or an empty text."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    return "" if find_mirror() else "there is no local mirror with Terraform's AWS provider"


def write_cli_config(path: Path) -> Path:
    """Write a CLI configuration that installs providers from the mirror alone."""
    mirror = f'filesystem_mirror {{\n    path = "{find_mirror()}"\n  }}'
    path.write_text(f"provider_installation {{\n  {mirror}\n}}\n")
    return path
