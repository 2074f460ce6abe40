"""`make docs`: the access matrix of `docs/`, made from `policies/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tiercel.domain.accounts.composition import RECIPES
from tiercel.domain.organization.stack_rules import StackRules
from tiercel.sandbox.accounts.templates import policy_names, unfilled

PAGE = Path(__file__).parents[2] / "docs" / "operate" / "access-matrix.md"

_INTRODUCTION = """\
# Access matrix

Made from [`policies/`](../../policies) by `make docs` and compared with them by `make test`: do not
edit it. [Security](security.md#who-may-do-what) says what each role is for.

A request is allowed if an `Allow` of the caller's table covers it and no `Deny` anywhere does. On a
bucket, a key or a role of another account, the table of that bucket, key or role has to allow it
as well; on a key even within the account. Conditions in one cell hold together; values of one
condition are alternatives. ARNs stand here without `arn:{partition}:`.

| name | value |
|---|---|
| `{prefix}` | `ORGANIZATION-ENVIRONMENT-` |
| `{infrastructure_account}`, `{runtime_account}` | the environment's accounts |
| `{leftovers}` | the prefix of environments on demand for their destroyer, else of nobody |
| `{named}` | the prefix where `stacks.names` is `prefix`, else nothing |
| `{protected}`, `{protected_actions}` | the boundary and what `stacks.protect` names |
| `{runtime_role_arns}` | deployer and auditor, outside of production destroyer as well (a) |
| `{deployer_arns}`, `{stack_role_arns}` | the deployer; deployer and `cloudformation` (a) |
| `{host}`, `{host_prefix}` | the environment itself; of those on demand, the one they live in |
| `{shared_services}` | the services of `ephemeral.share` |
| `{source_account}`, `{source_bucket}` | account and bucket that this environment promotes from |
| `{puller_roots}`, `{puller_role_arns}` | accounts and orchestrators that promote from this one |
| `{github_subjects}` | one `repo:OWNER/NAME:environment:ENVIRONMENT` for each listed repository |

(a) With those of environments on demand, where these live. Their `{prefix}` is
`ORGANIZATION-ephemeral-`; what fragments say of `share` stands once for each stack that is shared.
"""
_TASKS_OF_ECS = {"ecs-worker", "ecs-execution", "ecs-run-execution"}
Statement = dict[str, Any]


def page() -> str:
    """Return the text of the page."""
    names = policy_names()
    roles = [name.removesuffix("-permissions") for name in names if name.endswith("-permissions")]
    others = [name for name in names if not name.endswith(("-permissions", "-trust"))]
    parts = [_INTRODUCTION, *map(_role, roles), *map(_resource, others)]
    return "\n".join(parts)


def _role(role: str) -> str:
    trust = "ecs-tasks" if role in _TASKS_OF_ECS else role
    may = _table(f"{role}-permissions", "Resource", "on")
    if f"{trust}-trust" not in policy_names():
        return f"## {role}\n\n{_link(f'{role}-permissions')} lets it:\n\n{may}"
    become = _table(f"{trust}-trust", "Principal", "who")
    return (
        f"## {role}\n\n{_link(f'{trust}-trust')} says who becomes it:\n\n{become}\n"
        f"{_link(f'{role}-permissions')} lets it:\n\n{may}"
    )


def _resource(name: str) -> str:
    if name.endswith("-boundary"):
        return f"## {name}\n\n{_link(name)} limits whoever is inside it to:\n\n" + _table(
            name, "Resource", "on"
        )
    return f"## {name}\n\n{_link(name)} says who may use it:\n\n{_table(name, 'Principal', 'who')}"


def _link(name: str) -> str:
    files = f"[`{name}.json`](../../policies/{name}.json)"
    return (
        f"{files}, with [each service's fragment](../../policies/services)," * (name in RECIPES)
        or files
    )


def _table(name: str, subject: str, title: str) -> str:
    statements: list[Statement] = unfilled(name, StackRules())["Statement"]
    head = f"| statement | effect | actions | {title} | when |\n|---|---|---|---|---|\n"
    return head + "".join(_row(statement, subject) for statement in statements)


def _row(statement: Statement, subject: str) -> str:
    cells = (
        statement["Sid"],
        statement["Effect"],
        _lines(_by_service(_listed(statement["Action"]))),
        _lines(_subjects(statement, subject)),
        _lines(_conditions(statement)),
    )
    return f"| {' | '.join(cells)} |\n"


def _by_service(actions: list[str]) -> Iterator[str]:
    """Yield a line for each service: `s3:GetObject, PutObject`."""
    services: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.partition(":")
        services.setdefault(service, []).append(name)
    for service, names in services.items():
        yield f"{service}:{', '.join(names)}"


def _subjects(statement: Statement, subject: str) -> Iterator[str]:
    if "NotResource" in statement:
        yield from (f"all but {_short(one)}" for one in _listed(statement["NotResource"]))
        return
    found = statement[subject]
    if not isinstance(found, dict):
        yield from map(_short, _listed(found))
        return
    for values in found.values():
        yield from ("everybody" if value == "*" else _short(value) for value in _listed(values))


def _conditions(statement: Statement) -> Iterator[str]:
    for operator, tests in statement.get("Condition", {}).items():
        for key, values in tests.items():
            yield f"{operator} {key}: {' or '.join(map(_short, _listed(values)))}"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _short(text: str) -> str:
    return re.sub(r"\$(\{\w+\})", r"\1", text.removeprefix("arn:${partition}:"))


def _lines(texts: Iterable[str]) -> str:
    """Return texts one below the other; the bar of a table cannot occur in a policy."""
    return "<br>".join(text if text == "everybody" else f"`{text}`" for text in texts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
