"""Gates: what allows a promotion, lets it wait or refuses it."""
