"""The fulfilment worker: marks each order of a batch from the queue as fulfilled.

SQS delivers a message at least once, so the same order may come again; failed messages are
reported one by one, so the others of their batch do not come again:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger(__name__)


class OrderTable:
    """The part of the orders table that the worker writes."""

    def __init__(self, dynamodb: Any, table_name: str) -> None:
        """Keep a client of DynamoDB and the name of the table."""
        self._dynamodb = dynamodb
        self._table_name = table_name

    def mark_fulfilled(self, order_id: str) -> None:
        """Mark an order; a second time changes nothing, not even the time of the first.

        Raises ConditionalCheckFailedException of the client when there is no such order.
        """
        self._dynamodb.update_item(
            TableName=self._table_name,
            Key={"orderId": {"S": order_id}},
            UpdateExpression="SET #status = :fulfilled, "
            "fulfilledAt = if_not_exists(fulfilledAt, :now)",
            # Without it an update would create the order.
            ConditionExpression="attribute_exists(orderId)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":fulfilled": {"S": "fulfilled"},
                ":now": {"S": datetime.now(UTC).isoformat(timespec="seconds")},
            },
        )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Fulfil one batch from the queue."""
    return fulfil(event, _table)


def fulfil(event: dict[str, Any], table: Callable[[], OrderTable]) -> dict[str, Any]:
    """Mark every order of the batch and report the messages to deliver again."""
    failed = [record["messageId"] for record in event["Records"] if not _done(record, table)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _done(record: dict[str, Any], table: Callable[[], OrderTable]) -> bool:
    try:
        order_id = json.loads(record["body"])["orderId"]
        table().mark_fulfilled(order_id)
    except Exception:
        # Whatever is wrong with one message must not fail the others. After five
        # deliveries the queue moves it to the dead-letter queue.
        logger.exception("message %s failed", record["messageId"])
        return False
    logger.info("order %s: fulfilled", order_id)
    return True


@functools.cache
def _table() -> OrderTable:
    # Created for the first order and not at import, so that tests need neither boto3 nor AWS.
    import boto3

    return OrderTable(boto3.client("dynamodb"), os.environ["ORDERS_TABLE_NAME"])
