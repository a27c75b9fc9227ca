"""VIS's copy of the law's facts, which says itself whether it may be trusted, and the acts that are taken here (D9)."""
