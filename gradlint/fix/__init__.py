"""Fixes: what they are, and how they reach a file."""
