"""Studies: arms that differ in one thing, trained with the same seeds, and tests of scores."""
