"""Whether what a pull request brings may be merged: built, linted, checked and tested."""
