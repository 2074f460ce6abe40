"""Side-by-side measurements: what Tiercel costs beyond raw calls, Prefect and its peers."""
