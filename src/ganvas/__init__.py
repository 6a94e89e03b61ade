"""ganvas: train GANs that work, and know why."""

__version__ = "0.1.0"
