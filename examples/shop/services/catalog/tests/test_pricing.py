"""Prices, in cents."""

import unittest

from pricing import Price, price


class Prices(unittest.TestCase):
    def test_the_tax_depends_on_the_class(self) -> None:
        self.assertEqual(price(1000, "food"), Price(net=1000, tax=70))
        self.assertEqual(price(1000, "goods"), Price(net=1000, tax=190))

    def test_the_customer_pays_net_and_tax(self) -> None:
        self.assertEqual(price(1000, "goods").gross, 1190)

    def test_a_discount_starts_with_its_quantity(self) -> None:
        for quantity, net in ((9, 900), (10, 950), (49, 4655), (50, 4500)):
            with self.subTest(quantity=quantity):
                self.assertEqual(price(100, "food", quantity).net, net)

    def test_half_a_cent_is_rounded_up(self) -> None:
        self.assertEqual(price(50, "food").tax, 4)  # 3.5
        self.assertEqual(price(49, "food").tax, 3)  # 3.43
        self.assertEqual(price(1, "food", 10).net, 10)  # 9.5

    def test_what_cannot_be_priced_is_refused(self) -> None:
        for unit_net, tax_class, quantity in ((100, "books", 1), (-1, "food", 1), (1, "food", 0)):
            with self.subTest(tax_class), self.assertRaises(ValueError):
                price(unit_net, tax_class, quantity)
