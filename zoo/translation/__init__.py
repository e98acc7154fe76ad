"""Models that turn one image into another."""
