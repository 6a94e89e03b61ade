"""`python -m ganvas`: the same as the `ganvas` command."""

import sys

from ganvas.cli import main

if __name__ == "__main__":
    sys.exit(main())
