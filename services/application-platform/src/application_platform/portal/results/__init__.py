"""Results of a patient: the grid of analyses and times, and the trend of one analysis."""
