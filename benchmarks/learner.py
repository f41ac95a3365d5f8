"""One update of Qohort next to a PyMARL-style learner in PyTorch; the same as `qohort bench learner`."""

import sys

from qohort.bench.learner import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
