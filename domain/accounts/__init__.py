"""Which accounts there must be, and whether those that are there are right."""
