"""The information platform: the region's record."""
