"""The end of things: what lives for a time, what may be deleted, in which order, what is left."""
