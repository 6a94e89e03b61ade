"""Reports: one self-contained page about a run or a study, that works offline and prints."""
