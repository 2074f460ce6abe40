output "infrastructure_account" {
  description = "What the InfrastructureAccount holds."
  value       = module.infrastructure_account
}

output "runtime_account" {
  description = "What the RuntimeAccount holds."
  value       = module.runtime_account
}
