"""Apps: how one is registered, launched, let in by a person, looked over and shut out."""
