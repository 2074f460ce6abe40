"""AWS for all tasks: clients, errors, the caller, objects, signatures."""
