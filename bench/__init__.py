"""Measures what clients lose by each event (`python -m bench run`) and what many nodes cost (`python -m bench scale`).

On the quick bed: network namespaces with real BIRD and FRR, so it needs root.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
DOCS = ROOT / "docs"

# The bed, and the collection under the name it has when it is installed.
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / ".ansible" / "collections")]
