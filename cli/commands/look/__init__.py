"""Commands that look and change nothing that lasts."""
