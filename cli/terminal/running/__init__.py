"""Flows that a command runs or follows."""
