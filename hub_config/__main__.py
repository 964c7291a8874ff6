"""``python3 hub_config COMMAND``: Labwerk from a checkout, on a bare Python.

Standard library only. It makes the private environment in the state directory and hands
over to the command ``labwerk`` that is installed there, with the same arguments.
"""

import os
import sys

sys.dont_write_bytecode = True  # the checkout stays as it is

if sys.version_info < (3, 11):  # noqa: UP036  (this is what says so to an older one)
    sys.exit("Labwerk needs Python 3.11 or newer; run `python3.11 hub_config ...` or the like.")

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from labwerk_hub.machine.begin import main  # noqa: E402

if __name__ == "__main__":
    main(sys.argv[1:])
