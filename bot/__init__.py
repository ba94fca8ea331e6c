"""The study-session bot: its rooms, none of which but `client` and `app` knows Discord."""
