"""Why a request doesn't pass."""


class Refused(Exception):
    """A request that doesn't pass; its text is what the client reads as the engine's own."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status
