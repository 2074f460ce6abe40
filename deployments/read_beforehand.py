"""Does, when it is imported, what every run would do: reads what botocore has to know of AWS, and
makes Prefect's tasks of the functions that the flows call.

For the process that is forked for runs, which can be told what to import and nothing else; what
has the tasks is imported before this.
"""

from __future__ import annotations

import sys

from tiercel.tasks.aws.clients import read_descriptions
from tiercel.tasks.engine.task import WorldTask


def make_tasks() -> None:
    """Make the tasks of all modules that are imported."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tiercel.tasks."):
            for one in vars(module).values():
                if isinstance(one, WorldTask):
                    _ = one.task


read_descriptions()
make_tasks()
