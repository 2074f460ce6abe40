"""Deleting an environment and building it again: what is decided of it."""
