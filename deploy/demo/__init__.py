"""The main job in one command: brokers, material, workers and deciders, and what came out."""
