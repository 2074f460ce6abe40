"""How long a test waits for a fact: a hang is found by it, and a machine that is busy is not."""

PATIENCE_SECONDS = 600.0
