"""The verbs of `fvm`, one file each: `add` describes it, `run` does it and returns the exit status."""
