"""Pages about an environment and its accounts."""
