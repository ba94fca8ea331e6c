"""The `study-bot` command."""


def main() -> None:
    """Run the command line."""
