"""What model cards are made of. A package, so that an installed project finds it."""
