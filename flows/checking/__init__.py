"""The parts of the check of accounts."""
