"""What comes in at the three doors: stored as it is, then answered; understood afterwards."""
