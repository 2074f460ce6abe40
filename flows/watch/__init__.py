"""Keeping watch: looks at stacks and accounts for what was changed past Tiercel."""
