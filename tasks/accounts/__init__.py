"""The accounts of an environment: looked at, and made with Terraform."""
