"""Whether GitHub refuses what would break the promise: branches, rulesets and environments."""
