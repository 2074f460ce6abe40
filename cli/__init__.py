"""The `tiercel` command, a second way in beside the Prefect UI."""
