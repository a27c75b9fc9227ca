"""VIS, vårdinformationssystemet: the work in care."""
