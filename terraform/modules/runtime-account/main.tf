# The account that runs the stacks: staging bucket, roles, permissions boundary.

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

  composed = module.policies.composed
}

module "policies" {
  source = "../composed-policies"
  values = local.values
}

resource "aws_iam_policy" "boundary" {
  name   = var.boundary
  policy = local.composed["cloudformation-boundary"]
}

resource "aws_iam_role" "this" {
  for_each = toset(var.runtime_roles)

  name                 = "${var.policy_values.prefix}${each.key}"
  assume_role_policy   = templatefile("${local.policies}/${each.key}-trust.json", local.values)
  permissions_boundary = each.key == "cloudformation" ? aws_iam_policy.boundary.arn : null
}

resource "aws_iam_role_policy" "this" {
  for_each = aws_iam_role.this

  name = "permissions"
  role = each.value.name
  policy = try(
    local.composed["${each.key}-permissions"],
    templatefile("${local.policies}/${each.key}-permissions.json", local.values)
  )
}

module "staging" {
  source  = "../bucket"
  name    = var.policy_values.staging_bucket
  key_arn = var.artifact_key_arn
  policy  = templatefile("${local.policies}/staging-bucket.json", local.values)
}
