"""The workflows that people copy, run by act as GitHub's runner would run them."""
