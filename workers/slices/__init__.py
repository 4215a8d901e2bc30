"""How often decisions are wrong, slice by slice, and what errors go with. Pure: numpy and scipy, no I/O."""
