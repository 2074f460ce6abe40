"""The end of things: what may be deleted, in which order, and what is left."""
