"""A stand-in for CodeDeploy's control plane, as far as deployments of Lambda functions go."""
