"""The outside: database, engine, GPUs, storage."""
