"""The operations of GitHub's API that the stand-in knows."""
