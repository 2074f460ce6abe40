"""Protections that several attacks take out of the product."""

from __future__ import annotations

from tests.adversary.frame import Removal

ARGUMENTS = "tasks.build.isolation.namespace:namespace_arguments"
NODE_STEPS = "tasks.packaging.dependencies:_Preparation._node"

OWN_VARIABLES = Removal(
    "tasks.build.isolated:_environment", "    return {", "    return {\n        **os.environ,"
)
OWN_NETWORK = Removal(ARGUMENTS, '"--unshare-net", ')
OWN_PROCESSES = Removal(ARGUMENTS, '"--unshare-pid", ')
ONE_END = (
    Removal(
        "tasks.build.isolation.limits:NamespaceGuard._end_all",
        "if self._handle is None:",
        "if True:",
    ),
    Removal(ARGUMENTS, ', "--die-with-parent"'),
)
"""Everything in the namespaces ends with their first process."""

NO_SETTINGS = Removal(NODE_STEPS, "(folder / name).unlink(missing_ok=True)", "pass")
"""npm finds no settings in the folder."""
WHEELS_ALONE = Removal("domain.packaging.installers:python_install", '("--no-build",)', "()")

OWN_CONFIGURATION = Removal(
    "tasks.source.git:git_for",
    "write_text(_CONFIGURATION)",
    "write_text((mirror / 'config').read_text() if (mirror / 'config').is_file() else '')",
)
"""git gets a configuration of ours for each use."""
FILES_COMPARED = Removal(
    "tasks.source.export:_export", "differing = _differing(files, target)", "differing = []"
)
"""Every file that was checked out is compared with its id."""
MIRROR_IN_ORDER = Removal(
    "tasks.source.mirrors:_put_in_order", 'entry.name not in ("objects", "references")', "False"
)
"""What a mirror has besides objects and references is removed before it is used."""

RUN_COMPARED = Removal(
    "deployments.installation:require_installed",
    'list(_differing({}, _governed(asked.run_variables), ""))',
    "[]",
)
"""A run chooses none of the variables with which its process is started."""
