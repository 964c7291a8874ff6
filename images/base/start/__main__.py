"""Start the single-user server: `python -I /opt/labwerk/start`.

Isolated (-I), so that neither a file in the person's home nor a package that the person
installed there can keep the server from starting; kernels see both.
"""

import sys

from account import name_the_user
from hub_side import left_out
from limits import use_only_our_cores

if __name__ == "__main__":
    name_the_user()
    use_only_our_cores()
    with left_out():
        from jupyterhub.singleuser.extension import main
    sys.exit(main())
