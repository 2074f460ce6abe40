"""Commands that make, keep or delete what an environment holds."""
