"""The end of things: what lives for a time, what is left over, and how it goes."""
