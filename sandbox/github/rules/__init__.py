"""What GitHub allows, refuses and tells."""
