"""The suite is a program, not an installed package; its own tests find it here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
