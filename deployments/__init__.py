"""How flows get run: work pools, schedules and triggers. prefect.yaml lists the deployments."""
