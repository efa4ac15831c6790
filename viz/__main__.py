"""`python -m viz doctor` is `chalkgrad doctor`, for where the folder of the command is not on PATH."""

import sys

from viz.command_line import main

if __name__ == "__main__":
    sys.exit(main())
