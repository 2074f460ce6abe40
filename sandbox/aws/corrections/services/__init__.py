"""Single services where the emulator differs from AWS."""
