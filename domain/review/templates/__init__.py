"""What is judged of a template, and what changes in it."""
