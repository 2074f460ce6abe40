"""The parts of a promotion: asking, gates, plans, words, waiting."""
