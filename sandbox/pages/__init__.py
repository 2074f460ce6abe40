"""How the sandbox's own pages look, whatever they show: plain HTML that trusts no text."""
