"""Pages of the stand-in, at the addresses that its answers give: to be looked at, no more."""
