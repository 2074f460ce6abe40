"""The stand-in as a server: requests, faults, webhooks, its process."""
