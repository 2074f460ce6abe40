"""The records of an environment in its artifact bucket."""
