"""The parts of a drill."""
