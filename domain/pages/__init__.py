"""Everything that people read as Markdown."""
