"""Trained generators as files that run anywhere, and the runtime that runs them."""
