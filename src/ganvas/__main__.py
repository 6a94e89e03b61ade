"""`python -m ganvas`: the same as the `ganvas` command."""

from ganvas.cli import command

if __name__ == "__main__":
    command()
