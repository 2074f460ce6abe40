"""The orders table and the queue of orders that wait to be fulfilled."""

from __future__ import annotations

import json
from typing import Any

from orders import Order


class OrderTable:
    """Orders in DynamoDB, by their id."""

    def __init__(self, dynamodb: Any, table_name: str) -> None:
        """Keep a client of DynamoDB and the name of the table."""
        self._dynamodb = dynamodb
        self._table_name = table_name

    def add(self, order: Order) -> bool:
        """Store a new order; False, and nothing stored, when its id is taken."""
        try:
            self._dynamodb.put_item(
                TableName=self._table_name,
                Item={
                    "orderId": {"S": order.order_id},
                    "item": {"S": order.item},
                    "quantity": {"N": str(order.quantity)},
                    "status": {"S": order.status},
                    "acceptedAt": {"S": order.accepted_at},
                },
                ConditionExpression="attribute_not_exists(orderId)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def find(self, order_id: str) -> Order | None:
        """Return the order as it was last written, or None."""
        answer = self._dynamodb.get_item(
            TableName=self._table_name, Key={"orderId": {"S": order_id}}, ConsistentRead=True
        )
        item = answer.get("Item")
        if item is None:
            return None
        return Order(
            order_id=item["orderId"]["S"],
            item=item["item"]["S"],
            quantity=int(item["quantity"]["N"]),
            status=item["status"]["S"],
            accepted_at=item["acceptedAt"]["S"],
            fulfilled_at=item.get("fulfilledAt", {}).get("S"),
        )


class OrderQueue:
    """The way to the fulfilment worker, which may see the same order more than once."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        """Keep a client of SQS and the address of the queue."""
        self._sqs = sqs
        self._queue_url = queue_url

    def send(self, order: Order) -> None:
        """Ask the worker to fulfil the order."""
        body = json.dumps({"orderId": order.order_id})
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)
