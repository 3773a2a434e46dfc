"""`python -m registry.datasets.ingest`: the parsing child."""

import sys

from registry.datasets.ingest.child import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
