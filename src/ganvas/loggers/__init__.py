"""Loggers: TensorBoard and others, which follow the files of a run. `follower.py` is the story."""
