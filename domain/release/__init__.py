"""The ledger of releases, and the rules of what may be released next."""
