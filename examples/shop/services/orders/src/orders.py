"""What an order is and which requests make one; no AWS in here."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

ACCEPTED = "accepted"

_ITEM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_ITEM = 40
_MOST_OF_ONE_ITEM = 100
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{8,128}")
_ORDERS = uuid.UUID("6f1d1a52-9b0f-4c56-8a1f-2f1f0f7a4f0e")


class InvalidRequestError(Exception):
    """The request breaks a rule that its sender can read about in the message."""


@dataclass(frozen=True)
class Order:
    """One item that a customer wants, and how far we are with it; times are ISO 8601, UTC."""

    order_id: str
    item: str
    quantity: int
    status: str
    accepted_at: str
    fulfilled_at: str | None = None


def new_order(body: str, idempotency_key: str | None = None) -> Order:
    """Return the order that a request's body asks for.

    The same idempotency key gives the same order id, so a client can safely send a request
    again. Raises InvalidRequestError.
    """
    item, quantity = _wanted(body)
    return Order(
        order_id=_order_id(idempotency_key),
        item=item,
        quantity=quantity,
        status=ACCEPTED,
        accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def is_order_id(text: str) -> bool:
    """Return whether the text has the form of the ids that `new_order` gives."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _order_id(idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid.uuid4())
    if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidRequestError("idempotency-key must be 8 to 128 visible ASCII characters")
    return str(uuid.uuid5(_ORDERS, idempotency_key))


def _wanted(body: str) -> tuple[str, int]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("the body must be JSON") from error
    if not isinstance(request, dict) or set(request) != {"item", "quantity"}:
        raise InvalidRequestError("the body must have exactly `item` and `quantity`")
    return _item(request["item"]), _quantity(request["quantity"])


def _item(item: object) -> str:
    if not isinstance(item, str) or len(item) > _LONGEST_ITEM or not _ITEM.fullmatch(item):
        raise InvalidRequestError("item must be a name from the catalog, such as `sencha-100g`")
    return item


def _quantity(quantity: object) -> int:
    # JSON's true is an int in Python.
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise InvalidRequestError("quantity must be a whole number")
    if not 1 <= quantity <= _MOST_OF_ONE_ITEM:
        raise InvalidRequestError(f"quantity must be from 1 to {_MOST_OF_ONE_ITEM}")
    return quantity
