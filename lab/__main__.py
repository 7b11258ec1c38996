"""Entry point of `python -m lab`, and from any other directory of `python CHECKOUT/lab`."""

import sys
from pathlib import Path

# `python CHECKOUT/lab` puts this directory first on the path; the package `lab` is found from the one above it.
sys.path[0] = str(Path(__file__).resolve().parents[1])

try:
    from lab.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"lab: this Python has no module {error.name}; run it by the one of .venv, which `make setup` makes")

sys.exit(main())
