"""git on bare repositories."""
