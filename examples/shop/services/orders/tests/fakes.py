"""DynamoDB and SQS as far as the orders API uses them."""

from __future__ import annotations

import json
from typing import Any


class FakeDynamoDB:
    """One table, kept in memory."""

    class exceptions:
        """The exceptions of a boto3 client that the store tells apart."""

        class ConditionalCheckFailedException(Exception):
            """The condition of a write was not met."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.is_down = False

    def put_item(
        self, *, TableName: str, Item: dict[str, Any], ConditionExpression: str
    ) -> dict[str, Any]:
        self._check(TableName)
        if ConditionExpression != "attribute_not_exists(orderId)":
            raise AssertionError(f"this fake does not know `{ConditionExpression}`")
        order_id = Item["orderId"]["S"]
        if order_id in self.items:
            raise self.exceptions.ConditionalCheckFailedException
        self.items[order_id] = Item
        return {}

    def get_item(
        self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool
    ) -> dict[str, Any]:
        self._check(TableName)
        if not ConsistentRead:
            raise AssertionError("an order must be readable as soon as it is accepted")
        item = self.items.get(Key["orderId"]["S"])
        return {} if item is None else {"Item": item}

    def _check(self, table_name: str) -> None:
        if table_name != "orders-table":
            raise AssertionError(f"there is no table `{table_name}`")
        if self.is_down:
            raise ConnectionError("DynamoDB does not answer")


class FakeSqs:
    """One queue that remembers what was sent."""

    def __init__(self) -> None:
        self.order_ids: list[str] = []
        self.is_down = False

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> dict[str, Any]:
        if QueueUrl != "https://sqs/order-queue":
            raise AssertionError(f"there is no queue `{QueueUrl}`")
        if self.is_down:
            raise ConnectionError("SQS does not answer")
        self.order_ids.append(json.loads(MessageBody)["orderId"])
        return {}
