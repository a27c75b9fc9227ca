"""Notes: writing, keeping as unsigned, signing and correcting, at VIS, in the writer's own name."""
