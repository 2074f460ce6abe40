"""What commands share: options, output, sessions, and runs that are followed."""
