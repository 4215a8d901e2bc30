"""What differs between two replays, or between a replay and what was decided live: decisions, scores, and the items."""
