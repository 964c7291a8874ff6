"""The machine that Labwerk runs on: what `up` makes there, and what keeps it running."""
