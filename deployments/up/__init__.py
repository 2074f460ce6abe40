"""What brings the deployments, work pools and automations to a Prefect server."""
