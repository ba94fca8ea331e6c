"""`/recording`, the posts of recordings, and what speakers are asked."""

from cogs.recordings.cog import RecordingsCog
from cogs.recordings.consent import ConsentMessages
from cogs.recordings.letters import RecordingLetters
from cogs.recordings.part import RecordingsPart
from cogs.recordings.posts import RecordingPosts

__all__ = [
    "ConsentMessages",
    "RecordingLetters",
    "RecordingPosts",
    "RecordingsCog",
    "RecordingsPart",
]
