"""Environment steps per second of battles next to SMAX; the same as `qohort bench simulator`."""

import sys

from qohort.bench.simulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
