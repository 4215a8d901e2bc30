"""Training heads on damaged copies of sample material. Needs the sample packages."""
