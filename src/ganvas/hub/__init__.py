"""Trained generators on the Hugging Face hub: what is pushed, and the card that describes it."""
