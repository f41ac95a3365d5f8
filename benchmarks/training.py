"""Win rate against the clock, next to JaxMARL's QMIX on SMAX; the same as `qohort bench training`."""

import sys

from qohort.bench.training import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
