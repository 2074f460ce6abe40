"""The catalog API and the catalog that is packaged with it."""

import json
import re
import unittest
from typing import Any

from app import handler, respond

CUP = {"item": "cup", "name": "Cup", "unitNet": 1000, "taxClass": "goods"}


def call(route: str, **event: Any) -> tuple[int, dict[str, Any]]:
    answer = respond({"version": "2.0", "routeKey": route, **event}, {"cup": CUP})
    return answer["statusCode"], json.loads(answer["body"])


class CatalogApi(unittest.TestCase):
    def test_the_list_shows_each_item_with_its_price(self) -> None:
        status, answer = call("GET /items")
        self.assertEqual(status, 200)
        price = {"net": 1000, "tax": 190, "gross": 1190, "currency": "EUR"}
        self.assertEqual(
            answer["items"],
            [{"item": "cup", "name": "Cup", "quantity": 1, "discountPercent": 0, "price": price}],
        )

    def test_an_item_is_shown_with_the_price_of_a_quantity(self) -> None:
        status, answer = call(
            "GET /items/{item}",
            pathParameters={"item": "cup"},
            queryStringParameters={"quantity": "10"},
        )
        self.assertEqual((status, answer["discountPercent"]), (200, 5))
        self.assertEqual(answer["price"]["gross"], 11305)

    def test_an_item_without_a_quantity_is_one_piece(self) -> None:
        _, answer = call("GET /items/{item}", pathParameters={"item": "cup"})
        self.assertEqual(answer["quantity"], 1)

    def test_an_item_that_does_not_exist_is_not_found(self) -> None:
        status, _ = call("GET /items/{item}", pathParameters={"item": "saucer"})
        self.assertEqual(status, 404)

    def test_a_quantity_that_nobody_can_order_is_refused(self) -> None:
        for quantity in ("0", "101", "-1", "1.5", "two", "", "\u0661"):
            with self.subTest(quantity):
                status, _ = call(
                    "GET /items/{item}",
                    pathParameters={"item": "cup"},
                    queryStringParameters={"quantity": quantity},
                )
                self.assertEqual(status, 400)

    def test_another_route_is_not_found(self) -> None:
        self.assertEqual(call("POST /items")[0], 404)


class PackagedCatalog(unittest.TestCase):
    def setUp(self) -> None:
        answer = handler({"routeKey": "GET /items"}, None)
        self.items = json.loads(answer["body"])["items"]

    def test_every_item_has_a_price_above_zero(self) -> None:
        self.assertTrue(self.items)
        for item in self.items:
            self.assertGreater(item["price"]["net"], 0, item["item"])

    def test_every_item_has_a_name_that_can_be_ordered(self) -> None:
        for item in self.items:
            self.assertLessEqual(len(item["item"]), 40)
            self.assertRegex(item["item"], re.compile(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z"))
