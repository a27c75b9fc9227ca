"""What went wrong, in one sentence that a person can act on."""


class Trouble(Exception):
    """Stops the command: the sentence is printed as it is, and `code` is the exit status."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
