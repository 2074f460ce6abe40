"""Approvals: what is shown to people before it is done, and who waits for their word."""
