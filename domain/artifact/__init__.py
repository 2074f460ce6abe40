"""What is built: the source tree, its packages and template, and where they come from."""
