"""What every task has in common: retries, waiting, progress."""
