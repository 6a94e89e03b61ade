"""Trained generators: what samples, how it is loaded, and how its samples are written."""
