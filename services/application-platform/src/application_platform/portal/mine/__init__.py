"""The patient's own pages: under /portal/mine/{patient}, so that the address says whose record it is."""
