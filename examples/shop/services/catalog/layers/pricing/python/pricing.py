"""How the shop computes prices: whole cents, value added tax, less for larger quantities."""

from __future__ import annotations

from dataclasses import dataclass

CURRENCY = "EUR"

_TAX_PERCENT = {"food": 7, "goods": 19}
_DISCOUNT_PERCENT_FROM = ((50, 10), (10, 5))
"""Quantities and what is taken off from there on, the largest quantity first."""


@dataclass(frozen=True)
class Price:
    """What a number of pieces costs, in cents."""

    net: int
    tax: int

    @property
    def gross(self) -> int:
        """What the customer pays."""
        return self.net + self.tax


def price(unit_net: int, tax_class: str, quantity: int = 1) -> Price:
    """Return the price of a quantity, from the price of one piece in cents.

    Half a cent is rounded up, once for the discount and once for the tax. Raises ValueError
    for an unknown tax class, a negative unit price or a quantity below 1.
    """
    if tax_class not in _TAX_PERCENT:
        raise ValueError(f"unknown tax class `{tax_class}`")
    if unit_net < 0 or quantity < 1:
        raise ValueError("the unit price may not be negative, the quantity must be at least 1")
    net = _percent(unit_net * quantity, 100 - discount_percent(quantity))
    return Price(net=net, tax=_percent(net, _TAX_PERCENT[tax_class]))


def discount_percent(quantity: int) -> int:
    """Return what is taken off for a quantity, in percent."""
    return next((off for least, off in _DISCOUNT_PERCENT_FROM if quantity >= least), 0)


def _percent(cents: int, percent: int) -> int:
    return (cents * percent + 50) // 100
