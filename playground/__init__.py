"""A local stand-in for Discord: the same HTTP and gateway protocols, and a page to chat on.

Runs by itself (`python -m playground`); a bot connects to it as it would to Discord.
"""
