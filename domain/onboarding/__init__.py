"""What a repository that was never released has, and what has to be written for it."""
