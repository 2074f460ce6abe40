# The roles and the boundary of environments on demand, in the RuntimeAccount of their host.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

locals {
  policies = "${path.module}/../../../policies"

  values = merge(var.policy_values, {
    artifact_key_arn = var.artifact_key_arn
    signing_key_arn  = var.signing_key_arn
  })

  # What stacks create is bounded, the role that creates them has a policy of its own.
  own = { cloudformation = module.policies.composed["ephemeral-permissions"] }
}

module "policies" {
  source = "../composed-policies"
  values = local.values
}

resource "aws_iam_policy" "boundary" {
  name   = var.boundary
  policy = module.policies.composed["ephemeral-boundary"]
}

resource "aws_iam_role" "this" {
  for_each = toset(var.runtime_roles)

  name               = "${var.policy_values.prefix}${each.key}"
  assume_role_policy = templatefile("${local.policies}/${each.key}-trust.json", local.values)
}

resource "aws_iam_role_policy" "this" {
  for_each = aws_iam_role.this

  name = "permissions"
  role = each.value.name
  policy = try(
    local.own[each.key],
    templatefile("${local.policies}/${each.key}-permissions.json", local.values)
  )
}
