"""The view of all decisions: `sluice monitor`. No decision depends on it."""
