"""What happens on a stack while somebody waits: its operation, and the traffic that shifts."""
