"""Optional fast pieces, each beside the plain torch version that defines it."""
