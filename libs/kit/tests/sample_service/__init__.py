"""A service of one migration, so that the kit can be tested without any real one."""
