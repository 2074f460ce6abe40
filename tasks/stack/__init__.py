"""CloudFormation stacks: observed, planned, changed and tried."""
