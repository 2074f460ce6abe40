"""Events on GitHub: what they are, which action they call for, and the runs that are wanted."""
