"""`python -m fvm` is `fvm`."""

import sys

from fvm.cli import main

sys.exit(main())
