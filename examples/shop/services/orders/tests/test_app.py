"""The orders API, over a table and a queue in memory."""

import base64
import json
import unittest
from typing import Any

from app import respond
from store import OrderQueue, OrderTable

from tests.fakes import FakeDynamoDB, FakeSqs

TEA = {"item": "sencha-100g", "quantity": 2}


class OrdersApi(unittest.TestCase):
    def setUp(self) -> None:
        self.dynamodb = FakeDynamoDB()
        self.sqs = FakeSqs()

    def call(self, route: str, **event: Any) -> tuple[int, dict[str, Any]]:
        answer = respond(
            {"version": "2.0", "routeKey": route, **event},
            OrderTable(self.dynamodb, "orders-table"),
            OrderQueue(self.sqs, "https://sqs/order-queue"),
        )
        return answer["statusCode"], json.loads(answer["body"])

    def place(self, order: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        return self.call("POST /orders", body=json.dumps(order or TEA), headers=headers)

    def test_an_order_is_stored_as_accepted_and_sent_to_the_worker(self) -> None:
        status, order = self.place()
        self.assertEqual((status, order["status"]), (201, "accepted"))
        self.assertEqual(self.dynamodb.items[order["orderId"]]["status"], {"S": "accepted"})
        self.assertEqual(self.sqs.order_ids, [order["orderId"]])

    def test_the_answer_says_where_the_order_can_be_read(self) -> None:
        answer = respond(
            {"routeKey": "POST /orders", "body": json.dumps(TEA)},
            OrderTable(self.dynamodb, "orders-table"),
            OrderQueue(self.sqs, "https://sqs/order-queue"),
        )
        order_id = json.loads(answer["body"])["orderId"]
        self.assertEqual(answer["headers"]["location"], f"/orders/{order_id}")

    def test_an_accepted_order_can_be_read(self) -> None:
        _, order = self.place()
        read = self.call("GET /orders/{id}", pathParameters={"id": order["orderId"]})
        self.assertEqual(read, (200, order))

    def test_a_fulfilled_order_says_when(self) -> None:
        _, order = self.place()
        item = self.dynamodb.items[order["orderId"]]
        item |= {"status": {"S": "fulfilled"}, "fulfilledAt": {"S": "2024-05-01T10:00:00+00:00"}}
        _, read = self.call("GET /orders/{id}", pathParameters={"id": order["orderId"]})
        self.assertEqual(
            (read["status"], read["fulfilledAt"]), ("fulfilled", "2024-05-01T10:00:00+00:00")
        )

    def test_an_order_that_does_not_exist_is_not_found(self) -> None:
        for order_id in ("7d0a8c2e-0b5e-4f0b-9d2f-5a54b4a3f0c1", "no-id"):
            status, _ = self.call("GET /orders/{id}", pathParameters={"id": order_id})
            self.assertEqual(status, 404, order_id)

    def test_text_that_cannot_be_an_order_id_is_not_looked_up(self) -> None:
        self.dynamodb.is_down = True
        status, _ = self.call("GET /orders/{id}", pathParameters={"id": "x" * 5000})
        self.assertEqual(status, 404)

    def test_a_wrong_order_changes_nothing_and_is_explained(self) -> None:
        status, answer = self.place({"item": "sencha-100g", "quantity": 1000})
        self.assertEqual(status, 400)
        self.assertIn("quantity", answer["message"])
        self.assertEqual((self.dynamodb.items, self.sqs.order_ids), ({}, []))

    def test_a_body_in_base64_is_understood(self) -> None:
        body = base64.b64encode(json.dumps(TEA).encode()).decode()
        status, _ = self.call("POST /orders", body=body, isBase64Encoded=True)
        self.assertEqual(status, 201)

    def test_a_body_that_is_not_text_is_refused(self) -> None:
        body = base64.b64encode(b"\xff\xfe").decode()
        status, _ = self.call("POST /orders", body=body, isBase64Encoded=True)
        self.assertEqual(status, 400)

    def test_a_repeated_request_is_the_same_order(self) -> None:
        first_status, first = self.place(**{"idempotency-key": "cart-00017"})
        again_status, again = self.place(**{"idempotency-key": "cart-00017"})
        self.assertEqual((first_status, again_status), (201, 200))
        self.assertEqual(first["orderId"], again["orderId"])
        self.assertEqual(len(self.dynamodb.items), 1)

    def test_a_repeated_request_sends_what_the_first_could_not(self) -> None:
        self.sqs.is_down = True
        with self.assertRaises(ConnectionError):
            self.place(**{"idempotency-key": "cart-00017"})
        self.sqs.is_down = False
        status, order = self.place(**{"idempotency-key": "cart-00017"})
        self.assertEqual(status, 200)
        self.assertEqual(self.sqs.order_ids, [order["orderId"]])

    def test_a_fulfilled_order_is_not_sent_again(self) -> None:
        _, order = self.place(**{"idempotency-key": "cart-00017"})
        self.dynamodb.items[order["orderId"]]["status"] = {"S": "fulfilled"}
        self.place(**{"idempotency-key": "cart-00017"})
        self.assertEqual(self.sqs.order_ids, [order["orderId"]])

    def test_an_idempotency_key_cannot_be_used_for_another_order(self) -> None:
        self.place(**{"idempotency-key": "cart-00017"})
        other = {"item": "assam-100g", "quantity": 2}
        status, _ = self.place(other, **{"idempotency-key": "cart-00017"})
        self.assertEqual(status, 409)
        self.assertEqual(len(self.sqs.order_ids), 1)

    def test_health_reads_the_table(self) -> None:
        self.assertEqual(self.call("GET /health"), (200, {"status": "healthy"}))
        self.dynamodb.is_down = True
        with self.assertRaises(ConnectionError):
            self.call("GET /health")

    def test_another_route_is_not_found(self) -> None:
        self.assertEqual(self.call("DELETE /orders/{id}")[0], 404)
