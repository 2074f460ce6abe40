"""CodeBuild projects: everything they were given, and their names as ARNs."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from typing import Any

from ministack.core import responses
from ministack.services import codebuild

_Json = dict[str, Any]

_MORE = "more"
_DEFAULTS = {"queuedTimeoutInMinutes": 480}


def keep_all_of_a_project() -> None:
    """A project has what it was created or updated with, and AWS's default queue time.

    The emulator drops where logs go, among others, so that Terraform would plan to set it
    again for ever.
    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html
    """
    shape = codebuild._project_shape
    codebuild._project_shape = lambda project: _DEFAULTS | shape(project) | project.get(_MORE, {})
    codebuild._create_project = _remembering(codebuild._create_project)
    codebuild._update_project = _remembering(codebuild._update_project)


def find_projects_by_arn() -> None:
    """DeleteProject and UpdateProject take a project's ARN, as BatchGetProjects does.

    Terraform's provider names projects so.
    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_DeleteProject.html
    """
    codebuild._delete_project = _named(codebuild._delete_project)
    codebuild._update_project = _named(codebuild._update_project)


def _remembering(change: Any) -> Any:
    def remembering(data: _Json) -> Any:
        answer = change(data)
        project = codebuild._projects.get(data.get("name", ""))
        if answer[0] != 200 or project is None:
            return answer
        more = {key: value for key, value in data.items() if key not in project}
        project[_MORE] = project.get(_MORE, {}) | more
        return responses.json_response({"project": codebuild._project_shape(project)})

    return remembering


def _named(change: Any) -> Any:
    def named(data: _Json) -> Any:
        name = data.get("name", "")
        return change(data | {"name": codebuild._project_name_from_identifier(name) or name})

    return named
