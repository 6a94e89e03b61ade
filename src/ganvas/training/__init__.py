"""Training: one visible loop (`trainer.py`), one step (`step.py`), one state (`state.py`)."""
