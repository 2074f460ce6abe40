"""Drift: what is no longer as Tiercel left it."""
