"""Slices of decisions beside labels: how often they are wrong, where, and what errors go with; test cases of models."""
