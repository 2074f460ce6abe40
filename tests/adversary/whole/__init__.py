"""Attacks that go the whole way: a pull request or a commit, the real flows, a worker."""
