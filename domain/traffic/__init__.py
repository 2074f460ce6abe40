"""Traffic that shifts from one version of a function to the next, and may be taken back."""
