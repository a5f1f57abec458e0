"""What is done to a recording before anything is computed from it, and what decides it."""
