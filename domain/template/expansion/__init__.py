"""What a template says in short, written out when it is packaged."""
