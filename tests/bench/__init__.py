"""``python3 tests bench NAME``: measurements, each comparison interleaved in one run."""
