"""Sets where the configuration of an image builds, when the image is built.

Tasks and pods cannot isolate builds, and a configuration that says nothing means `isolated`.

    python -I -m tiercel.deployments.worker.build_place /etc/tiercel/tiercel.toml codebuild
"""

from __future__ import annotations

import sys
from pathlib import Path

from tiercel.domain.configuration.build_place import with_build_place


def main() -> None:
    """Set it in the file that is named; one that says so already stays as it is."""
    path, where = Path(sys.argv[1]), sys.argv[2]
    text = path.read_text("utf-8")
    made = with_build_place(text, where, str(path))
    if made != text:
        path.write_text(made, "utf-8")
        sys.stdout.write(f"{path}: builds.where is now {where}, and comments are gone\n")


if __name__ == "__main__":
    main()
