"""What VIS, Exchange and patients tell becomes the region's record."""
