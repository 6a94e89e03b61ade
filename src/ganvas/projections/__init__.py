"""Pictures projected into a trained generator: beside held-out images, and in a folder."""
