"""Studies: arms that differ in one thing, over the same seeds, and what their scores can carry."""
