"""Candidates beside what is live: in shadow, where nobody acts on them, or for the parents of one arm."""
