"""Training: one visible loop (`loop.py`), one step (`step.py`), one state (`state.py`)."""
