"""Files that belong to the installed product: policies, Terraform's modules, the example."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PACKAGE = "tiercel"


def resource(*names: str) -> Path:
    """Return the path of a file or folder that Tiercel is installed with.

    Terraform, git and Prefect read folders and not packages, so an installation is always
    unpacked: one inside of a zip file is none of pip's and uv's.
    """
    return Path(str(files(_PACKAGE).joinpath(*names)))
