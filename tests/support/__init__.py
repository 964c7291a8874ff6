"""What the tests share: their environment, engine, install, people and referee."""
