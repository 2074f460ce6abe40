variable "policy_values" {
  description = "What fills the placeholders of policies/*.json, but for what this module creates."
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

variable "build_image" {
  description = "The image in which CodeBuild runs builds and tests."
  type        = string
}

variable "build_timeout_minutes" {
  description = "CodeBuild stops a build after this time; it takes 5 minutes at least."
  type        = number

  validation {
    condition     = var.build_timeout_minutes >= 5 && var.build_timeout_minutes <= 2160
    error_message = "CodeBuild takes 5 to 2160 minutes."
  }
}

variable "build_network" {
  description = "Where in the account's network the CodeBuild projects stand; an empty VPC: nowhere."
  type = object({
    vpc             = string
    subnets         = list(string)
    security_groups = list(string)
  })
}

variable "log_retention_days" {
  description = "How long the logs of builds and runs are kept."
  type        = number
}
