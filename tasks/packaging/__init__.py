"""From source to packages and a template, and whether they are right."""
