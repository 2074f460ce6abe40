# Both accounts of Prod. `tiercel provision prod` fills in the variables and the backend.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and region are given at init: a backend cannot read variables.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

locals {
  log_retention_days = 365

  tags = {
    "tiercel:organization" = var.policy_values.organization
    "tiercel:environment"  = var.policy_values.environment
    "tiercel:managed-by"   = "terraform"
  }
}

# Credentials of any other account are refused before anything is read.
provider "aws" {
  alias               = "infrastructure"
  region              = var.policy_values.region
  profile             = var.infrastructure_profile
  allowed_account_ids = [var.policy_values.infrastructure_account]

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias               = "runtime"
  region              = var.policy_values.region
  profile             = var.runtime_profile
  allowed_account_ids = [var.policy_values.runtime_account]

  default_tags {
    tags = local.tags
  }
}

module "infrastructure_account" {
  source    = "../../modules/infrastructure-account"
  providers = { aws = aws.infrastructure }

  policy_values         = var.policy_values
  artifact_key_alias    = var.artifact_key_alias
  signing_key_alias     = var.signing_key_alias
  build_image           = var.build_image
  build_timeout_minutes = var.build_timeout_minutes
  build_network         = var.build_network
  log_retention_days    = local.log_retention_days
}

module "runtime_account" {
  source    = "../../modules/runtime-account"
  providers = { aws = aws.runtime }

  policy_values    = var.policy_values
  artifact_key_arn = module.infrastructure_account.artifact_key_arn
  signing_key_arn  = module.infrastructure_account.signing_key_arn
  boundary         = var.boundary
  runtime_roles    = var.runtime_roles
}

module "ephemeral_environments" {
  source    = "../../modules/ephemeral-environments"
  providers = { aws = aws.runtime }
  count     = length(var.ephemeral)

  policy_values    = var.ephemeral[count.index].policy_values
  artifact_key_arn = module.infrastructure_account.artifact_key_arn
  signing_key_arn  = module.infrastructure_account.signing_key_arn
  boundary         = var.ephemeral[count.index].boundary
  runtime_roles    = var.ephemeral[count.index].runtime_roles
}
