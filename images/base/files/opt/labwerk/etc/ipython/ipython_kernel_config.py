"""What every kernel of the image runs with; a person's ~/.ipython may add to it."""

from traitlets.config import get_config

c = get_config()

# When a cell fails, those behind it are not run, even if they arrive a moment later: what
# "Run All" shows last is then the cell that failed, and not one that missed its results.
c.Kernel.stop_on_error_timeout = 1.0
