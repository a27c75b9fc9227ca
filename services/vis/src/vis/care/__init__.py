"""The clinical rules of VIS: what may be done to notes, results, tasks and orders, by whom and when."""
