"""The catalog API: GET /items and GET /items/{item}?quantity=N, read-only.

Events and answers have the HTTP API's payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import functools
import json
import logging
import re
from pathlib import Path
from typing import Any

from pricing import CURRENCY, discount_percent, price

Event = dict[str, Any]
Response = dict[str, Any]
Item = dict[str, Any]

_QUANTITY = re.compile(r"[1-9][0-9]?|100")

logger = logging.getLogger(__name__)


def handler(event: Event, _context: object) -> Response:
    """Answer one request of the HTTP API."""
    return respond(event, _items())


def respond(event: Event, items: dict[str, Item]) -> Response:
    """Answer a request from the given items, by their names."""
    route = event.get("routeKey")
    logger.info("%s", route)
    if route == "GET /items":
        return _response(200, {"items": [_shown(item, quantity=1) for item in items.values()]})
    if route == "GET /items/{item}":
        return _one(event, items)
    return _response(404, {"message": "there is nothing here"})


def _one(event: Event, items: dict[str, Item]) -> Response:
    item = items.get(event["pathParameters"]["item"])
    if item is None:
        return _response(404, {"message": "there is no such item"})
    quantity = (event.get("queryStringParameters") or {}).get("quantity", "1")
    if not _QUANTITY.fullmatch(quantity):
        return _response(400, {"message": "quantity must be a whole number from 1 to 100"})
    return _response(200, _shown(item, int(quantity)))


def _shown(item: Item, quantity: int) -> dict[str, Any]:
    total = price(item["unitNet"], item["taxClass"], quantity)
    return {
        "item": item["item"],
        "name": item["name"],
        "quantity": quantity,
        "discountPercent": discount_percent(quantity),
        "price": {
            "net": total.net,
            "tax": total.tax,
            "gross": total.gross,
            "currency": CURRENCY,
        },
    }


def _response(status: int, body: dict[str, Any]) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }


@functools.cache
def _items() -> dict[str, Item]:
    catalog = json.loads((Path(__file__).parent / "catalog.json").read_text(encoding="utf-8"))
    return {item["item"]: item for item in catalog["items"]}
