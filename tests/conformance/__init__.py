"""What the collection takes RouterOS to do, as checks that any router can be asked: python -m tests.conformance --help

checks/*.yml     the checks as data: read, sandbox and full (a lab only)
checks.py        reads them, and refuses those that could change what is not theirs
session.py       one session, librouteros' sentences as they are
expect.py        an answer against what was expected
runner.py        asks, removes what it has made, and looks whether anything is left
recording.py     what was asked and answered, in a file; secrets are hidden in it
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The parsers that the answers are read with are the collection's.
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
