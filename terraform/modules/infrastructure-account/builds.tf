# One project for code that is trusted with packages, one for pull requests, which are not.

resource "aws_cloudwatch_log_group" "builds" {
  for_each = toset(["builder", "verifier"])

  name              = "/aws/codebuild/${local.prefix}${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_group" "runs" {
  name              = "/tiercel/${var.policy_values.environment}"
  retention_in_days = var.log_retention_days
}

resource "aws_codebuild_project" "this" {
  for_each = aws_cloudwatch_log_group.builds

  name           = "${local.prefix}${each.key}"
  description    = "Started by Tiercel, which names the source of every build"
  service_role   = aws_iam_role.this[each.key].arn
  encryption_key = aws_kms_key.artifacts.arn
  build_timeout  = var.build_timeout_minutes

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    compute_type = "BUILD_GENERAL1_MEDIUM"
    image        = var.build_image
    type         = "LINUX_CONTAINER"
  }

  logs_config {
    cloudwatch_logs {
      group_name = each.value.name
    }
  }

  # What a build reaches is for the subnets and security groups to say; they are yours.
  dynamic "vpc_config" {
    for_each = var.build_network.vpc == "" ? [] : [var.build_network]

    content {
      vpc_id             = vpc_config.value.vpc
      subnets            = vpc_config.value.subnets
      security_group_ids = vpc_config.value.security_groups
    }
  }

  # A build that is started by hand, without a source, must not look like a success.
  source {
    type = "NO_SOURCE"
    buildspec = yamlencode({
      version = 0.2
      phases = {
        build = { commands = ["echo 'start this build through Tiercel'", "exit 1"] }
      }
    })
  }

  depends_on = [aws_iam_role_policy.this]
}
