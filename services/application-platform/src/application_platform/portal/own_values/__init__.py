"""What patients measure and note themselves, as they keep it and as care sees it, apart from what care writes."""
