"""The parts of a verification."""
