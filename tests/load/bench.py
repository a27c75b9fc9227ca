"""`fvm bench`: measures a running demo region, prints a table and keeps it as JSON (the suite is in fvm_load/)."""

import sys

from fvm_load.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
