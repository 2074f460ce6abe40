output "role_arns" {
  description = "The ARN of each role, by its name without the prefix."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
