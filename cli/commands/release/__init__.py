"""Commands that release something, take it back, or say whether it may be."""
