"""Replays: old topics under a new head or policy, into a folder, without touching what is live."""
