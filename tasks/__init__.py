"""The world: one AWS service, git or the builder per module, one call per task."""
