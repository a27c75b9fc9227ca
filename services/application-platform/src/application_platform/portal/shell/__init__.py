"""The frame of staff pages: the day, the search, and what stands around every page of a chart."""
