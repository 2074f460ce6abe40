"""The orders API: POST /orders, GET /orders/{id} and, for who may invoke it, GET /health.

Events and answers have the HTTP API's payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import functools
import json
import logging
import os
from typing import Any

from orders import ACCEPTED, InvalidRequestError, Order, is_order_id, new_order
from store import OrderQueue, OrderTable

Event = dict[str, Any]
Response = dict[str, Any]

_NO_ORDER = "00000000-0000-0000-0000-000000000000"

logger = logging.getLogger(__name__)


def handler(event: Event, _context: object) -> Response:
    """Answer one request of the HTTP API."""
    return respond(event, *_table_and_queue())


def respond(event: Event, table: OrderTable, queue: OrderQueue) -> Response:
    """Answer a request; what goes wrong in AWS is raised and becomes the API's status 500."""
    route = event.get("routeKey")
    try:
        if route == "POST /orders":
            return _place(event, table, queue)
        if route == "GET /orders/{id}":
            return _read(event, table)
        if route == "GET /health":
            return _health(table)
    except InvalidRequestError as error:
        return _response(400, {"message": str(error)})
    return _response(404, {"message": "there is nothing here"})


def _place(event: Event, table: OrderTable, queue: OrderQueue) -> Response:
    wanted = new_order(_body(event), (event.get("headers") or {}).get("idempotency-key"))
    is_new = table.add(wanted)
    order = wanted if is_new else table.find(wanted.order_id)
    if order is None or (order.item, order.quantity) != (wanted.item, wanted.quantity):
        return _response(409, {"message": "this idempotency-key belongs to another order"})
    # Also when the order was there: the request that stored it may have died before this.
    if order.status == ACCEPTED:
        queue.send(order)
    logger.info("order %s: %s", order.order_id, "accepted" if is_new else "seen before")
    return _response(201 if is_new else 200, _shown(order), location=f"/orders/{order.order_id}")


def _read(event: Event, table: OrderTable) -> Response:
    order_id = event["pathParameters"]["id"]
    order = table.find(order_id) if is_order_id(order_id) else None
    if order is None:
        return _response(404, {"message": "there is no such order"})
    return _response(200, _shown(order))


def _health(table: OrderTable) -> Response:
    table.find(_NO_ORDER)
    return _response(200, {"status": "healthy"})


def _body(event: Event) -> str:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body).decode()
    except ValueError as error:
        raise InvalidRequestError("the body must be JSON") from error


def _shown(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.order_id,
        "item": order.item,
        "quantity": order.quantity,
        "status": order.status,
        "acceptedAt": order.accepted_at,
        "fulfilledAt": order.fulfilled_at,
    }


def _response(status: int, body: dict[str, Any], **headers: str) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **headers},
        "body": json.dumps(body),
    }


@functools.cache
def _table_and_queue() -> tuple[OrderTable, OrderQueue]:
    # Created by the first request and not at import, so that tests need neither boto3 nor AWS.
    import boto3

    return (
        OrderTable(boto3.client("dynamodb"), os.environ["ORDERS_TABLE_NAME"]),
        OrderQueue(boto3.client("sqs"), os.environ["ORDER_QUEUE_URL"]),
    )
