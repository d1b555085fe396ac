"""Real training functions, fixed and then executed: what people wrote must still run, and must now be safe."""
