"""Pure decisions on frozen data; standard library only."""
