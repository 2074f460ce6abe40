"""What the emulated accounts hold before the first release."""
