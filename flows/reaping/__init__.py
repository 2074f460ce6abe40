"""What the reaper looks at, and what it does about it."""
