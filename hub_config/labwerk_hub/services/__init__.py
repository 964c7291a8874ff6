"""What can be done: one verb per function, over the ports of :mod:`.ports`."""
