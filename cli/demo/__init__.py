"""The demo: a story of two changes, played by people and flows."""
