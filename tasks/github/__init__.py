"""GitHub: pull requests, statuses, releases."""
