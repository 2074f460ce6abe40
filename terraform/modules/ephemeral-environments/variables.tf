variable "policy_values" {
  description = "What fills the placeholders of policies/*.json, but for what Terraform creates."
  type        = map(string)
}

variable "artifact_key_arn" {
  description = "The InfrastructureAccount's key, which also encrypts what is staged."
  type        = string
}

variable "signing_key_arn" {
  description = "The InfrastructureAccount's key with which the deployer verifies provenance."
  type        = string
}

variable "boundary" {
  description = "The name of the policy that bounds what stacks create."
  type        = string
}

variable "runtime_roles" {
  description = "The roles of the RuntimeAccount, by their names without the prefix."
  type        = list(string)
}
