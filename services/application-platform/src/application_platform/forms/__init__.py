"""The health form: questions answered a part at a time, and sent once."""
