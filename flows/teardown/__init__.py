"""Sequences that delete."""
