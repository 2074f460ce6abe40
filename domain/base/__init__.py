"""What every rule works with: values, text, digests and the errors that people read."""
