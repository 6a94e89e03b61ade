"""Scores of generated images: `evaluate` scores a run on disk, `measure` a generator in memory."""
