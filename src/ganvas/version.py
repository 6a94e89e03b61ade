"""The version of ganvas. Its only place: `pyproject.toml` reads it from here."""

__version__ = "0.15.0"
