"""Scores of generated images: `evaluate` for a run on disk, `measure` while it trains."""
