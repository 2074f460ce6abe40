"""What the place `isolated` consists of: namespaces, a list of system calls, a proxy, limits."""
