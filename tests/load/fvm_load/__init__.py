"""The load suite: what `fvm bench` does."""
