output "artifact_bucket" {
  description = "The bucket of artifacts and ledger."
  value       = var.policy_values.artifact_bucket
}

output "artifact_key_arn" {
  description = "The key that encrypts artifacts, in both accounts."
  value       = aws_kms_key.artifacts.arn
}

output "signing_key_arn" {
  description = "The key that signs provenance."
  value       = aws_kms_key.signing.arn
}

output "role_arns" {
  description = "The ARN of each role, by its name without the prefix."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "build_projects" {
  description = "The name of each CodeBuild project, by its name without the prefix."
  value       = { for name, project in aws_codebuild_project.this : name => project.name }
}
