"""Start the single-user server: `python -I /opt/labwerk/start`.

Isolated (-I), so that neither a file in the person's home nor a package that the person
installed there can keep the server from starting; kernels see both.
"""

import gc
import sys

from account import name_the_user
from certificates import trust_what_the_machine_trusts
from deferred import deferred
from graphics import draw_without_a_screen
from home import make_data_folder
from limits import use_only_our_cores

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it again and again finds none.
    gc.set_threshold(50_000)
    name_the_user()
    make_data_folder()
    use_only_our_cores()
    draw_without_a_screen()
    with deferred():
        import jupyterlab.labapp  # noqa: F401  (what it imports is deferred, too)
        from jupyterhub.singleuser.extension import main
    trust_what_the_machine_trusts()
    sys.exit(main())
