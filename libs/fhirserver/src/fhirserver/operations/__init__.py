"""Operations that take longer than a request: bulk export and import, re-indexing, and the jobs that carry them."""
