# Policies that are put together from a frame and the fragments of the services that stacks may
# use; domain/accounts/composition.py does the same for the sandbox, the check and the proof.

terraform {
  required_version = ">= 1.11"
}

variable "values" {
  description = "What fills the placeholders of policies/*.json."
  type        = map(string)
}

output "composed" {
  description = "The JSON of each composed policy, by its name."
  value       = local.composed
}

locals {
  policies = "${path.module}/../../../policies"
  services = jsondecode("[\"${var.values.services}\"]")

  fragments = [
    for service in local.services :
    jsondecode(templatefile("${local.policies}/services/${service}.json", var.values))
  ]

  # What is shared with environments on demand, once for each permanent stack.
  shared = flatten([
    for prefix in(var.values.shared == "" ? [] : jsondecode("[\"${var.values.shared}\"]")) : [
      for service in local.services : jsondecode(templatefile(
        "${local.policies}/services/${service}.json", merge(var.values, { shared = prefix })
      ))
    ]
  ])

  recipes = {
    "cloudformation-permissions" = {
      frames = ["cloudformation-permissions"]
      groups = ["manage"]
      shared = []
    }
    "cloudformation-boundary" = {
      frames = ["cloudformation-permissions", "cloudformation-boundary"]
      groups = ["manage", "use"]
      shared = []
    }
    "ephemeral-permissions" = {
      frames = ["cloudformation-permissions", "ephemeral-permissions", "frames/ephemeral-limits"]
      groups = ["manage"]
      shared = []
    }
    "ephemeral-boundary" = {
      frames = ["cloudformation-boundary", "ephemeral-boundary", "frames/ephemeral-limits"]
      groups = ["manage"]
      shared = ["share"]
    }
    "auditor-permissions" = {
      frames = ["auditor-permissions"]
      groups = ["read"]
      shared = []
    }
  }

  said = {
    for name, recipe in local.recipes : name => flatten([
      [
        for frame in recipe.frames :
        jsondecode(templatefile("${local.policies}/${frame}.json", var.values)).Statement
      ],
      [for fragment in local.fragments : [for group in recipe.groups : fragment[group]]],
      [for fragment in local.shared : [
        for group in recipe.shared : try(fragment[group], [])
      ]],
    ])
  }

  # Statements of one Sid are one, with the actions, resources and tested values of all.
  composed = {
    for name, statements in local.said : name => jsonencode({
      Version = "2012-10-17"
      Statement = [
        for sid in distinct([for one in statements : one.Sid]) : merge(
          {
            Sid    = sid
            Effect = [for one in statements : one.Effect if one.Sid == sid][0]
          },
          {
            for element in ["Action", "Resource", "NotResource"] : element => [
              for united in [distinct(flatten([
                for one in statements : try(one[element], []) if one.Sid == sid
              ]))] : try(one(united), united)
            ][0] if anytrue([for one in statements : can(one[element]) if one.Sid == sid])
          },
          [
            for first in [[for one in statements : one if one.Sid == sid][0]] : {
              for element, tested in { Condition = try(first.Condition, {}) } : element => {
                for operator, tests in tested : operator => {
                  for key, values in tests : key => [
                    for united in [distinct(flatten([
                      for one in statements : one.Condition[operator][key] if one.Sid == sid
                    ]))] : try(one(united), united)
                  ][0]
                }
              } if length(tested) > 0
            }
          ][0]
        )
      ]
    })
  }
}
