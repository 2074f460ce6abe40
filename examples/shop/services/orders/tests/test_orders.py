"""What makes an order."""

import json
import unittest

from orders import InvalidRequestError, is_order_id, new_order

TEA = '{"item": "sencha-100g", "quantity": 2}'

REFUSED = {
    "nothing": "",
    "no JSON": "item=tea",
    "a list": "[]",
    "deep nesting": "[" * 100_000,
    "a missing quantity": '{"item": "sencha-100g"}',
    "an unknown key": '{"item": "sencha-100g", "quantity": 1, "price": 0}',
    "an item that is no name": '{"item": "Sencha!", "quantity": 1}',
    "an item with a line break": '{"item": "sencha\\n", "quantity": 1}',
    "an item that is a number": '{"item": 5, "quantity": 1}',
    "an item that is too long": json.dumps({"item": "a" * 41, "quantity": 1}),
    "no pieces": '{"item": "sencha-100g", "quantity": 0}',
    "too many pieces": '{"item": "sencha-100g", "quantity": 101}',
    "half a piece": '{"item": "sencha-100g", "quantity": 0.5}',
    "true pieces": '{"item": "sencha-100g", "quantity": true}',
    "pieces in words": '{"item": "sencha-100g", "quantity": "2"}',
}


class NewOrder(unittest.TestCase):
    def test_a_request_becomes_an_accepted_order(self) -> None:
        order = new_order(TEA)
        self.assertEqual((order.item, order.quantity), ("sencha-100g", 2))
        self.assertEqual(order.status, "accepted")
        self.assertTrue(order.accepted_at.endswith("+00:00"))
        self.assertIsNone(order.fulfilled_at)

    def test_a_request_that_breaks_a_rule_is_refused(self) -> None:
        for reason, body in REFUSED.items():
            with self.subTest(reason), self.assertRaises(InvalidRequestError):
                new_order(body)

    def test_the_least_and_the_most_of_an_item_are_accepted(self) -> None:
        for quantity in (1, 100):
            body = json.dumps({"item": "a" * 40, "quantity": quantity})
            self.assertEqual(new_order(body).quantity, quantity)

    def test_every_order_has_an_id_of_its_own(self) -> None:
        self.assertNotEqual(new_order(TEA).order_id, new_order(TEA).order_id)

    def test_the_same_idempotency_key_gives_the_same_id(self) -> None:
        first, again = new_order(TEA, "cart-00017"), new_order(TEA, "cart-00017")
        other = new_order(TEA, "cart-00018")
        self.assertEqual(first.order_id, again.order_id)
        self.assertNotEqual(first.order_id, other.order_id)

    def test_an_idempotency_key_that_is_easily_repeated_is_refused(self) -> None:
        for key in ("", "short", "with a space", "a" * 129):
            with self.subTest(key), self.assertRaises(InvalidRequestError):
                new_order(TEA, key)


class OrderId(unittest.TestCase):
    def test_the_ids_of_orders_are_known(self) -> None:
        self.assertTrue(is_order_id(new_order(TEA).order_id))
        self.assertTrue(is_order_id(new_order(TEA, "cart-00017").order_id))

    def test_other_text_is_no_id(self) -> None:
        for text in ("", "1", "..", "6F1D1A52-9B0F-4C56-8A1F-2F1F0F7A4F0E"):
            self.assertFalse(is_order_id(text), text)
