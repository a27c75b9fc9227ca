"""What Exchange is told from outside: the house's settings and its own few (prefix FVM_)."""

from kit.settings import Settings as KitSettings


class Settings(KitSettings):
    """Adds the MLLP port to `kit.settings.Settings`."""

    mllp_host: str = ""  # FVM_MLLP_HOST; empty: as FVM_HOST
    mllp_port: int = 2575  # FVM_MLLP_PORT
    mllp_frame_bytes: int = 16 * 1024 * 1024  # the largest frame taken (D17)
    mllp_frame_seconds: float = 30.0  # from the first byte of a frame to its last
    mllp_known_as: int | None = None  # the port senders are registered with, where FVM_MLLP_PORT is mapped to it

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @property
    def base(self) -> str:
        """The address that links and audiences begin with (D11)."""
        return f"{self.public_url.rstrip('/')}/exchange"
