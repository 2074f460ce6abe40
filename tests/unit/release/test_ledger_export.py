from __future__ import annotations

import pytest

from tiercel.domain.artifact.manifest import manifest_key, object_key
from tiercel.domain.base.digests import ArtifactId, Sha256
from tiercel.domain.release.ledger import intent_key, outcome_key, rejection_key
from tiercel.domain.release.ledger_export import in_order_of_restoring, is_copied

SHA = ArtifactId(Sha256("ab" * 32))
KEYS = [
    object_key(SHA, "zip"),
    manifest_key("orders", SHA),
    intent_key("acme-preprod-orders", 1),
    outcome_key("acme-preprod-orders", 1),
    rejection_key("acme-preprod-orders", 1),
]


@pytest.mark.parametrize("key", KEYS)
def test_what_tiercel_writes_is_copied(key: str) -> None:
    assert is_copied(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "leases/acme-preprod-orders.json",
        "ledger/../../etc/passwd",
        "ledger/acme-preprod-orders/00000001/intent.json/x",
        "/ledger/acme/00000001/intent.json",
        "packages/../x.zip",
        f"packages/{SHA}.zip\n",
        f"manifests/..//{SHA}.json",
    ],
)
def test_no_other_key_becomes_a_path(key: str) -> None:
    assert not is_copied(key)


def test_what_is_named_comes_before_what_names_it() -> None:
    shuffled = KEYS[::-1]
    order = in_order_of_restoring(shuffled)
    assert [key.partition("/")[0] for key in order] == [
        "packages", "manifests", "ledger", "ledger", "ledger",
    ]  # fmt: skip
