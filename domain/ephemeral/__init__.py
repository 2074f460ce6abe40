"""Environments on demand: who may ask for one, what it contains and how long it lives."""
