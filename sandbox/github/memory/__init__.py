"""What the stand-in remembers beside git."""
