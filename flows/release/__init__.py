"""The sequence that every release goes through, from a commit to the ledger."""
