"""What the console of the emulated accounts shows: stacks, and how traffic shifted."""
