# Tiercel writes all of these from tiercel.toml, see domain/accounts/provisioning.py.

variable "policy_values" {
  description = "What fills the placeholders of policies/*.json, but for what Terraform creates."
  type        = map(string)
}

variable "artifact_key_alias" {
  description = "The alias of the key that encrypts artifacts."
  type        = string
}

variable "signing_key_alias" {
  description = "The alias of the key that signs provenance."
  type        = string
}

variable "boundary" {
  description = "The name of the policy that bounds the cloudformation role and what it creates."
  type        = string
}

variable "runtime_roles" {
  description = "The roles of the RuntimeAccount, by their names without the prefix."
  type        = list(string)
}

variable "ephemeral" {
  description = "What the roles of environments on demand are made from; empty: there are none."
  type = list(object({
    policy_values = map(string)
    boundary      = string
    runtime_roles = list(string)
  }))
}

variable "build_timeout_minutes" {
  description = "CodeBuild stops a build after this time."
  type        = number
}

variable "build_network" {
  description = "Where in the account's network the CodeBuild projects stand; an empty VPC: nowhere."
  type = object({
    vpc             = string
    subnets         = list(string)
    security_groups = list(string)
  })
}

variable "build_image" {
  description = "The image in which CodeBuild runs builds and tests."
  type        = string
  default     = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
}

variable "infrastructure_profile" {
  description = "The AWS profile of an administrator of the InfrastructureAccount."
  type        = string
}

variable "runtime_profile" {
  description = "The AWS profile of an administrator of the RuntimeAccount."
  type        = string
}
