"""``python -m gancourse``: the installed command line, which this package does not import."""

import sys
from importlib.metadata import entry_points

found = entry_points(group="console_scripts", name="gancourse")
if not found:
    sys.exit("gancourse: its command line is not installed. In the checkout: pip install -e .")
sys.argv[0] = "gancourse"
sys.exit(next(iter(found)).load()())
