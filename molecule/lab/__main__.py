"""Entry point of `python molecule/lab` and of `python -m lab`."""

import sys
from pathlib import Path

# `python molecule/lab` puts this directory first on the path; the package `lab` is found from the one above it.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

try:
    from lab.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"lab: this Python has no module {error.name}; run it by the one of .venv, which `make setup` makes")

sys.exit(main())
