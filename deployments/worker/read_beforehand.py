"""Does, when it is imported, what every run would do: reads what botocore has to know of AWS, makes
Prefect's tasks of the functions that runs show, and completes the models that Prefect defers.
It also makes the process unreadable to others, as which its forks begin, and keeps what was
imported out of their search for garbage: none of it is, and to look at it takes a fork its share.
They search more seldom, too: a run makes little garbage that is not freed at once.

For the process that is forked for runs, which can be told what to import and nothing else; what
has the tasks is imported before this.
"""

from __future__ import annotations

import sys

import prefect.task_engine
import prefect.utilities.visualization  # noqa: F401 - each run imports it
from prefect.artifacts import MarkdownArtifact
from prefect.client.schemas.actions import ArtifactCreate, FlowRunUpdate, LogCreate
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.filters import EventFilter
from prefect.events.schemas.events import Event
from pydantic import BaseModel

from tiercel.tasks.aws.clients import read_descriptions
from tiercel.tasks.engine.garbage import then_work
from tiercel.tasks.engine.secrecy import make_unreadable
from tiercel.tasks.engine.task import WorldTask

_MODELS: tuple[type[BaseModel], ...] = (
    Artifact,
    ArtifactCreate,
    DeploymentResponse,
    Event,
    EventFilter,
    FlowRun,
    FlowRunUpdate,
    LogCreate,
    MarkdownArtifact,
)


def make_tasks() -> None:
    """Make the tasks of all modules that are imported; looks are none of Prefect's."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tiercel.tasks."):
            for one in vars(module).values():
                if isinstance(one, WorldTask) and one.shown:
                    _ = one.task


def complete_models() -> None:
    """Let pydantic make what it would make of these models when a run first uses them."""
    for model in _MODELS:
        model.model_rebuild()


make_unreadable()
read_descriptions()
make_tasks()
complete_models()
then_work()
