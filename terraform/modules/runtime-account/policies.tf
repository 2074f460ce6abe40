# Policies that are put together from a frame and the fragments of the services that stacks may
# use; domain/accounts/composition.py does the same for the sandbox, the check and the proof.

locals {
  fragments = [
    for service in jsondecode("[\"${var.policy_values.services}\"]") :
    jsondecode(templatefile("${local.policies}/services/${service}.json", local.values))
  ]

  recipes = {
    "cloudformation-permissions" = {
      frames = ["cloudformation-permissions"]
      groups = ["manage"]
    }
    "cloudformation-boundary" = {
      frames = ["cloudformation-permissions", "cloudformation-boundary"]
      groups = ["manage", "use"]
    }
    "auditor-permissions" = {
      frames = ["auditor-permissions"]
      groups = ["read"]
    }
  }

  said = {
    for name, recipe in local.recipes : name => flatten([
      [
        for frame in recipe.frames :
        jsondecode(templatefile("${local.policies}/${frame}.json", local.values)).Statement
      ],
      [for fragment in local.fragments : [for group in recipe.groups : fragment[group]]],
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
            for element in ["Action", "Resource"] : element => [
              for united in [
                distinct(flatten([for one in statements : one[element] if one.Sid == sid]))
              ] : try(one(united), united)
            ][0]
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
