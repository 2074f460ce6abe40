"""Terraform on an environment's root: init, plan, show, apply, outputs.

Each run works in a private copy of `terraform/` and `policies/`, so that nothing is written
beside the code, and in an environment without anybody's TF_ variables or access keys.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiercel.domain.accounts.terraform_plan import TerraformPlan, read_terraform_plan
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.tasks.accounts.terraform_process import run_terraform
from tiercel.tasks.engine.resources import resource
from tiercel.tasks.engine.task import run_logger, world_task

PLAN_FILE = "plan"

_INIT_SECONDS = 600
_PLAN_SECONDS = 900
_APPLY_SECONDS = 3600
_SHOW_SECONDS = 120
_LOCK_WAIT = "-lock-timeout=60s"


@dataclass(frozen=True)
class Backend:
    """Where Terraform's state lies, and as whom it is read and written."""

    bucket: str
    key: str
    region: str
    profile: str

    def arguments(self) -> list[str]:
        """Return the arguments of `terraform init`."""
        return [f"-backend-config={name}={value}" for name, value in sorted(vars(self).items())]


@dataclass(frozen=True)
class PlanFile:
    """A plan as Terraform wrote it, and the SHA-256 of the file that says so."""

    plan: TerraformPlan
    sha256: str


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder of this user's own, removed at the end unless a state lies in it.

    Terraform leaves `errored.tfstate` when it cannot write the state to its bucket.
    """
    folder = Path(tempfile.mkdtemp(prefix="tiercel-terraform-"))
    try:
        yield folder
    finally:
        unsaved = list(folder.rglob("errored.tfstate"))
        if unsaved:
            run_logger().warning("the state could not be saved: it is kept in %s", unsaved[0])
        else:
            shutil.rmtree(folder, ignore_errors=True)


@world_task("prepare Terraform", "prepare Terraform for {environment}")
def prepare_root(folder: Path, environment: str, variables: Mapping[str, Any]) -> Path:
    """Copy code, policies and variables into an empty private folder; return the root's path.

    A team's own fragments of services stand beside Tiercel's there.
    """
    if not resource("terraform", "environments", environment).is_dir():
        raise ConfigurationError(
            "terraform.no_root",
            f"there is no Terraform root for {environment}",
            where="terraform/environments",
            state="nothing was called",
            remedy="copy the folder of another environment and change what differs",
        )
    left_out = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*")
    for name in ("terraform", "policies"):
        shutil.copytree(resource(name), folder / name, ignore=left_out)
    own = json.loads(variables["policy_values"]["own_services"])
    for name, fragment in own.items():
        (folder / "policies" / "services" / f"{name}.json").write_text(fragment, "utf-8")
    root = folder / "terraform" / "environments" / environment
    text = json.dumps(variables, indent=2, sort_keys=True)
    (root / "tiercel.auto.tfvars.json").write_text(text, "utf-8")
    return root


@world_task("terraform init")
def init_terraform(root: Path, backend: Backend) -> None:
    """Install the provider and connect the state."""
    run_terraform(root, ["init", "-input=false", *backend.arguments()], _INIT_SECONDS)


@world_task("terraform plan")
def plan_terraform(root: Path) -> PlanFile:
    """Plan into a file that only this user may read, and return what it says."""
    return _planned(root, [])


@world_task("terraform plan -destroy")
def plan_destruction(root: Path, targets: Sequence[str]) -> PlanFile:
    """Plan the destruction of these resources and of what depends on them, as `plan_terraform`."""
    return _planned(root, ["-destroy", *(f"-target={one}" for one in targets)])


def _planned(root: Path, what: Sequence[str]) -> PlanFile:
    arguments = ["plan", "-input=false", _LOCK_WAIT, f"-out={PLAN_FILE}", *what]
    run_terraform(root, arguments, _PLAN_SECONDS)
    (root / PLAN_FILE).chmod(stat.S_IRUSR | stat.S_IWUSR)
    shown = run_terraform(root, ["show", "-json", PLAN_FILE], _SHOW_SECONDS)
    plan = read_terraform_plan(root.name, json.loads(shown))
    run_logger().info("%s: %s, plan digest %s", root.name, plan.summary(), plan.digest)
    return PlanFile(plan, _sha256(root / PLAN_FILE))


@world_task("terraform apply")
def apply_terraform(root: Path, file: PlanFile) -> None:
    """Apply exactly the plan file that was shown; RefusedInputError if it is another one now.

    Terraform itself refuses a plan whose state has moved since.
    """
    if _sha256(root / PLAN_FILE) != file.sha256:
        raise RefusedInputError(
            "terraform.plan_file_changed",
            "the plan file has changed since it was shown",
            where=os.fspath(root / PLAN_FILE),
            state="nothing was changed",
            remedy="plan again, and find out who can write to the folder",
        )
    run_terraform(root, ["apply", "-input=false", _LOCK_WAIT, PLAN_FILE], _APPLY_SECONDS)


@world_task("terraform output")
def read_outputs(root: Path) -> dict[str, Any]:
    """Return the outputs of the state, by name."""
    outputs = json.loads(run_terraform(root, ["output", "-json"], _SHOW_SECONDS))
    return {name: output["value"] for name, output in outputs.items()}


def _sha256(path: Path) -> str:
    return sha256_hex(path.read_bytes())
