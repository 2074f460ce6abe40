"""The lifecycle as Prefect flows: sequence and concurrency, no rule is decided here."""
