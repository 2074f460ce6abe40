"""One stack: its states, its plan, what it needs and how it fails."""
