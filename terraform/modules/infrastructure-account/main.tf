# The account that builds and orchestrates: keys, artifact bucket, roles, builds.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

locals {
  policies = "${path.module}/../../../policies"
  prefix   = var.policy_values.prefix

  # Known once the keys exist; the keys' own policies do not name them.
  values = merge(var.policy_values, {
    artifact_key_arn = aws_kms_key.artifacts.arn
    signing_key_arn  = aws_kms_key.signing.arn
  })

  permissions = {
    for name in local.roles :
    name => templatefile("${local.policies}/${name}-permissions.json", local.values)
  }

  # With its role CodeBuild stands in a network; domain/accounts/composition.py does the same.
  networked = {
    for name in ["builder", "verifier"] : name => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        jsondecode(local.permissions[name]).Statement,
        jsondecode(templatefile("${local.policies}/builds/network.json", local.values)).Statement
      )
    }) if var.build_network.vpc != ""
  }

  roles = ["orchestrator", "builder", "verifier", "trigger", "retention", "approver"]
}

resource "aws_kms_key" "artifacts" {
  description             = trimprefix(var.artifact_key_alias, "alias/")
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = templatefile("${local.policies}/artifact-key.json", var.policy_values)
}

resource "aws_kms_alias" "artifacts" {
  name          = var.artifact_key_alias
  target_key_id = aws_kms_key.artifacts.key_id
}

# AWS rotates symmetric keys only.
resource "aws_kms_key" "signing" {
  description              = trimprefix(var.signing_key_alias, "alias/")
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  policy                   = templatefile("${local.policies}/signing-key.json", var.policy_values)
}

resource "aws_kms_alias" "signing" {
  name          = var.signing_key_alias
  target_key_id = aws_kms_key.signing.key_id
}

module "artifacts" {
  source  = "../bucket"
  name    = var.policy_values.artifact_bucket
  key_arn = aws_kms_key.artifacts.arn
  policy  = templatefile("${local.policies}/artifact-bucket.json", local.values)
}

# IAM trusts GitHub's certificates itself, so there is no thumbprint to keep:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each = toset(local.roles)

  name               = "${local.prefix}${each.key}"
  assume_role_policy = templatefile("${local.policies}/${each.key}-trust.json", local.values)

  # The trigger's trust names it.
  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "this" {
  for_each = aws_iam_role.this

  name   = "permissions"
  role   = each.value.name
  policy = lookup(local.networked, each.key, local.permissions[each.key])
}
