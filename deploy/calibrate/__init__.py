"""Thresholds with a guarantee, from labels and decisions; and the watch on the risk that was realised."""
