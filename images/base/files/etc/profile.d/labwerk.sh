# A login shell, as terminals start it, sets PATH anew: put ours back in front.
PATH="$HOME/.local/bin:/opt/labwerk/bin:$PATH"
