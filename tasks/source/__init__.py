"""Where source comes from: git, and what tiercel.toml says of it."""
