"""What is asked and done when stacks are deleted."""
