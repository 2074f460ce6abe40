"""Commands with which somebody begins, and those that keep Tiercel itself running."""
