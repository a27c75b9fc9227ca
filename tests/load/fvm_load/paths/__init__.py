"""One file per path that is measured; each gives its rows."""
