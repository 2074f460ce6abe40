"""What CloudFormation calls for the resources of a stack, and on which resource."""
