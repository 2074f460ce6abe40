"""What tiercel.toml and its like say: read, and judged."""
