"""Runs: what they read, their steps, what they write, and how they compare."""
