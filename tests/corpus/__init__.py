"""How public applications go through Tiercel: `make corpus`, not part of `make test`."""
