"""How two policy documents differ in what they mean, whatever way they are written.

AWS returns policies rearranged: one value for a list of one, actions in another order,
account ids for the ARN of their root, `*` for `{"AWS": "*"}`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tiercel.domain.base.values import PolicyDocument

_Part = tuple[str, str]
"""An element of a statement, such as `Action` or `StringEquals aws:PrincipalArn`, and a value."""

_ROOT = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):root")
_OLD_VERSION = "2008-10-17"
_CASELESS = frozenset({"Action", "NotAction"})
_PLAIN = ("Effect", "Action", "NotAction", "Resource", "NotResource")


def differences(wanted: PolicyDocument, found: PolicyDocument) -> list[str]:
    """Return what is missing from a policy and what it has in excess; empty if it means the same.

    Statements are compared by what they say; the Sid only tells which of the others was meant.
    """
    said = []
    if found.get("Version", _OLD_VERSION) != wanted.get("Version", _OLD_VERSION):
        said.append(f"its Version is {found.get('Version', _OLD_VERSION)}")
    missing, extra = statements_of(wanted), statements_of(found)
    meant, have = [_keys(one) for one in missing], [_keys(one) for one in extra]
    missing = [one for one in missing if _keys(one) not in have]
    extra = [one for one in extra if _keys(one) not in meant]
    for statement in missing:
        twin = next((one for one in extra if one.get("Sid") == statement.get("Sid")), None)
        if twin is None:
            said.append(f"{name_of(statement)} is missing")
            continue
        extra.remove(twin)
        said.append(f"{name_of(statement)} {_apart(statement, twin)}")
    return said + [f"{name_of(statement)} is in excess" for statement in extra]


def statements_of(policy: PolicyDocument) -> list[PolicyDocument]:
    """Return the statements, of which AWS writes a single one without a list."""
    return listed(policy.get("Statement"))


def listed(value: Any) -> list[Any]:
    """Return what a policy may write as one thing or as a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def name_of(statement: PolicyDocument) -> str:
    """Return the statement's Sid, or what it is about where it has none."""
    if sid := statement.get("Sid"):
        return f"statement {sid}"
    actions = ", ".join(map(str, listed(statement.get("Action"))[:3]))
    return f"a statement without Sid ({statement.get('Effect')} {actions})"


def parts_of(statement: PolicyDocument) -> Iterator[_Part]:
    """Yield every part of a statement that decides what it means, spelled one way."""
    for element in _PLAIN:
        yield from ((element, str(one)) for one in listed(statement.get(element)))
    for element in ("Principal", "NotPrincipal"):
        for kind, who in principals_of(statement.get(element)):
            yield f"{element} {kind}", _ROOT.sub(r"\1", who)
    for operator, tests in (statement.get("Condition") or {}).items():
        for key, values in tests.items():
            for value in listed(values) or ["(nothing)"]:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                yield f"{operator} {key}", text


def principals_of(principal: Any) -> Iterator[_Part]:
    """Yield the kind and name of each principal of a statement's element."""
    if principal is None:
        return
    kinds = principal if isinstance(principal, dict) else {"AWS": principal}
    for kind, names in kinds.items():
        yield from ((kind, str(name)) for name in listed(names))


def _keys(statement: PolicyDocument) -> set[_Part]:
    return {_key(part) for part in parts_of(statement)}


def _key(part: _Part) -> _Part:
    """Actions, condition operators and condition keys have no case."""
    element, value = part
    return element.lower(), value.lower() if element in _CASELESS else value


def _apart(wanted: PolicyDocument, found: PolicyDocument) -> str:
    have, meant = _keys(found), _keys(wanted)
    lacks = [" ".join(part) for part in parts_of(wanted) if _key(part) not in have]
    excess = [" ".join(part) for part in parts_of(found) if _key(part) not in meant]
    said = [("lacks ", lacks), ("has in excess ", excess)]
    return " and ".join(word + ", ".join(parts) for word, parts in said if parts)
