"""Policies as people keep them: documents in YAML, versions on a topic, which of them is active."""
