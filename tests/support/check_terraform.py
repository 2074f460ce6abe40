"""Part of `make check` where terraform is installed: format of all files, validity of all roots."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.terraform import find_mirror, write_cli_config
from tiercel.domain.base.errors import TiercelError
from tiercel.tasks.accounts.terraform import prepare_root, private_folder
from tiercel.tasks.accounts.terraform_process import run_terraform
from tiercel.tasks.engine.resources import resource

CODE = resource("terraform")
NO_PROVIDER = "Failed to query available provider packages"


def main() -> int:
    """Return 0 if nothing is wrong; providers come from a local mirror, else from the registry.

    Where neither can be reached the format alone is checked, and that is said.
    """
    formatted = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", str(CODE)], check=False
    )
    if formatted.returncode:
        return formatted.returncode
    for environment in sorted(path.name for path in (CODE / "environments").iterdir()):
        try:
            validate(environment)
        except TiercelError as error:
            if NO_PROVIDER not in error.why or find_mirror():
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stderr.write(f"{environment}: not validated, there is no provider\n")
    return 0


def validate(environment: str) -> None:
    """Raise TiercelError with Terraform's words unless the root is valid."""
    with private_folder() as folder:
        if find_mirror():
            os.environ["TF_CLI_CONFIG_FILE"] = str(write_cli_config(folder / "terraformrc"))
        root = prepare_root.fn(folder, environment, {"policy_values": {"own_services": "{}"}})
        run_terraform(root, ["init", "-backend=false", "-input=false"], 600)
        run_terraform(root, ["validate"], 120)


if __name__ == "__main__":
    sys.exit(main())
