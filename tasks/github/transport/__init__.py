"""How GitHub is reached, within limits and with patience."""
