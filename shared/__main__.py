"""`python -m shared` is `liner`, for where the script is not on the path."""

import sys

from shared.cli import main

sys.exit(main())
