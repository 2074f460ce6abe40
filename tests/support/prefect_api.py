"""What a person does in Prefect's UI, by the calls that the UI makes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.patience import PATIENCE_SECONDS
from tests.support.plain_http import ask

FINAL = frozenset({"Completed", "Failed", "Crashed", "Cancelled", "TimedOut"})
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class PrefectApi:
    url: str
    auth: tuple[str, str] | None = None

    def await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, f"{self.url} does not answer"
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            return ask("GET", f"{self.url}/health", timeout=3).is_success
        except httpx.HTTPError:
            return False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask again after a 503, with which a server that is starting or stopping answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = ask(method, f"{self.url}/{path}", json=body, auth=self.auth)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer.raise_for_status().json()
            assert time.monotonic() < deadline, f"{self.url} stays busy"
            time.sleep(_POLL_SECONDS)

    def ui(self) -> tuple[str, str]:
        """The page that people see, and the address at which it looks for the API."""
        root = self.url.removesuffix("/api")
        page = ask("GET", root, follow_redirects=True).raise_for_status().text
        return page, str(ask("GET", f"{root}/ui-settings").json()["api_url"])

    def form(self, deployment: str, **values: Any) -> dict[str, Any]:
        """What the UI's form asks while somebody types: whether it is valid, and the errors."""
        schema = self.call("GET", f"deployments/name/{deployment}")["parameter_openapi_schema"]
        body = {"schema": schema, "values": values}
        return dict(self.call("POST", "ui/schemas/validate", body))

    def start(self, deployment: str, key: str | None = None, **parameters: Any) -> str:
        """Start a run of a deployment and return its id."""
        found = self.call("GET", f"deployments/name/{deployment}")["id"]
        body = {"parameters": parameters, "idempotency_key": key or uuid.uuid4().hex}
        return str(self.call("POST", f"deployments/{found}/create_flow_run", body)["id"])

    def cancel(self, run: str) -> None:
        state = {"type": "CANCELLING", "name": "Cancelling"}
        assert self.call("POST", f"flow_runs/{run}/set_state", {"state": state})["status"] == (
            "ACCEPT"
        )

    def run(self, run: str) -> dict[str, Any]:
        return dict(self.call("GET", f"flow_runs/{run}"))

    def state(self, run: str) -> str:
        return str(self.run(run)["state"]["name"])

    def states(self, run: str) -> list[str]:
        """The names of all states that the run had, oldest first."""
        found = self.call("GET", f"flow_run_states/?flow_run_id={run}")
        return [state["name"] for state in sorted(found, key=lambda one: one["timestamp"])]

    def await_state(
        self, run: str, names: Collection[str], seconds: float = PATIENCE_SECONDS
    ) -> str:
        """Return the state when it is one of these; it may be missed if it passes quickly."""
        deadline = time.monotonic() + seconds
        while (state := self.state(run)) not in names:
            assert state not in FINAL, f"{state}: {self.run(run)['state']['message']}"
            assert time.monotonic() < deadline, f"still {state}\n{self.log(run)}"
            time.sleep(_POLL_SECONDS)
        return state

    def log(self, run: str) -> str:
        lines = self.call(
            "POST",
            "logs/filter",
            {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200, "sort": "TIMESTAMP_ASC"},
        )
        return "\n".join(line["message"] for line in lines)

    def await_task(self, run: str, name: str) -> None:
        """Return when the server has recorded that a task of the run has completed."""
        wanted = {
            "flow_runs": {"id": {"any_": [run]}},
            "task_runs": {"name": {"any_": [name]}, "state": {"type": {"any_": ["COMPLETED"]}}},
        }
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.call("POST", "task_runs/filter", wanted):
            assert time.monotonic() < deadline, f"no {name!r} in\n{self.log(run)}"
            time.sleep(_POLL_SECONDS)

    def await_log(self, run: str, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.log(run):
            assert time.monotonic() < deadline, f"no {text!r} in\n{self.log(run)}"
            time.sleep(_POLL_SECONDS)
