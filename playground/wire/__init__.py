"""Discord's own protocols as the bot speaks them: HTTP, gateway, and their faults."""
