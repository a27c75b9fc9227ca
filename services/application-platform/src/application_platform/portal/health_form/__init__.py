"""The health form as a patient fills it in: one question at a time, saved by itself, sent once."""
