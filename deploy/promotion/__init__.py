"""Putting policies and heads in force, and taking them back: README.md of `deploy` tells how."""
