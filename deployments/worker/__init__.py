"""What executes runs: the worker, its forked processes, and the entry of tasks and pods."""
