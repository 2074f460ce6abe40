"""The fulfilment worker, over a table in memory."""

import json
import unittest
from typing import Any

from app import OrderTable, fulfil, handler


class FakeDynamoDB:
    """One table in memory; it knows the one update that the worker makes."""

    class exceptions:
        """The exceptions of a boto3 client."""

        class ConditionalCheckFailedException(Exception):
            """The condition of a write was not met."""

    def __init__(self, *order_ids: str) -> None:
        self.items: dict[str, dict[str, Any]] = {
            order_id: {"status": {"S": "accepted"}} for order_id in order_ids
        }

    def update_item(
        self,
        *,
        TableName: str,
        Key: dict[str, Any],
        UpdateExpression: str,
        ConditionExpression: str,
        ExpressionAttributeNames: dict[str, str],
        ExpressionAttributeValues: dict[str, Any],
    ) -> dict[str, Any]:
        known = "SET #status = :fulfilled, fulfilledAt = if_not_exists(fulfilledAt, :now)"
        if (TableName, UpdateExpression) != ("orders-table", known):
            raise AssertionError(f"this fake does not know `{UpdateExpression}` on {TableName}")
        if ConditionExpression != "attribute_exists(orderId)":
            raise AssertionError(f"this fake does not know `{ConditionExpression}`")
        item = self.items.get(Key["orderId"]["S"])
        if item is None:
            raise self.exceptions.ConditionalCheckFailedException
        item[ExpressionAttributeNames["#status"]] = ExpressionAttributeValues[":fulfilled"]
        item.setdefault("fulfilledAt", ExpressionAttributeValues[":now"])
        return {}


def message(message_id: str, order_id: str) -> dict[str, str]:
    return {"messageId": message_id, "body": json.dumps({"orderId": order_id})}


class Worker(unittest.TestCase):
    def setUp(self) -> None:
        self.dynamodb = FakeDynamoDB("order-1", "order-2")
        self.table = OrderTable(self.dynamodb, "orders-table")

    def fulfil(self, *records: dict[str, str]) -> list[str]:
        answer = fulfil({"Records": list(records)}, lambda: self.table)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def status(self, order_id: str) -> str:
        return str(self.dynamodb.items[order_id]["status"]["S"])

    def test_every_order_of_a_batch_is_fulfilled(self) -> None:
        self.assertEqual(self.fulfil(message("m1", "order-1"), message("m2", "order-2")), [])
        self.assertEqual((self.status("order-1"), self.status("order-2")), ("fulfilled",) * 2)

    def test_an_order_that_comes_again_keeps_its_first_time(self) -> None:
        self.dynamodb.items["order-1"]["fulfilledAt"] = {"S": "2024-05-01T10:00:00+00:00"}
        self.assertEqual(self.fulfil(message("m1", "order-1"), message("m2", "order-1")), [])
        self.assertEqual(
            self.dynamodb.items["order-1"],
            {"status": {"S": "fulfilled"}, "fulfilledAt": {"S": "2024-05-01T10:00:00+00:00"}},
        )

    def test_only_the_messages_that_failed_are_reported(self) -> None:
        with self.assertLogs("app", "ERROR"):
            failed = self.fulfil(
                message("m1", "order-1"), message("m2", "lost"), message("m3", "order-2")
            )
        self.assertEqual(failed, ["m2"])
        self.assertEqual((self.status("order-1"), self.status("order-2")), ("fulfilled",) * 2)

    def test_an_unknown_order_is_not_created(self) -> None:
        with self.assertLogs("app", "ERROR"):
            self.fulfil(message("m1", "lost"))
        self.assertNotIn("lost", self.dynamodb.items)

    def test_a_message_that_nobody_understands_is_reported(self) -> None:
        for body in ("", "no JSON", "[]", "{}"):
            with self.subTest(body), self.assertLogs("app", "ERROR"):
                self.assertEqual(self.fulfil({"messageId": "m1", "body": body}), ["m1"])

    def test_an_empty_batch_needs_no_table(self) -> None:
        self.assertEqual(handler({"Records": []}, None), {"batchItemFailures": []})
