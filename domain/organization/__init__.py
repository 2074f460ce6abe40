"""Who we are and how things are called: tiercel.toml, names, access, requests."""
