"""One stack of a release: its lease, its plan, its change, the wait for it."""
