"""What patients measure and write themselves: kept apart from what care writes, with who wrote it and when."""
