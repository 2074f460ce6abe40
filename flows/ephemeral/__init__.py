"""How environments on demand come up and go down."""
