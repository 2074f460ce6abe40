"""Who may do what, as IAM has it."""
