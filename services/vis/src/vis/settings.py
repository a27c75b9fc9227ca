"""What VIS is told from outside."""

from kit.settings import Settings as Shared


class Settings(Shared):
    """VIS has the shared settings, and the benchmark mode of a demo region."""

    access_log: bool = True  # off only in a benchmark of a demo region (D19)
    body_limit: int = 50 * 1024 * 1024  # bytes of one request (D17)
    full_text: bool = False  # keep the words of every resource, for _text and _content
