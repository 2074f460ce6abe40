"""The processes of a sandbox, and where it keeps what."""
