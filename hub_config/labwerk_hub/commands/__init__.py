"""What the commands of ``labwerk`` share, and those about the pool; ``cli.py`` has the rest."""
