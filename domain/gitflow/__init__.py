"""Branches, versions, pull requests and events, by the rules of GitFlow."""
