"""What a template says: its values, the files it names, and what lies outside of its package."""
