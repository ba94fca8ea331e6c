"""Recordings: kept for as long as the speaker agreed, watched by members, gone on time."""

from bot.recordings import events
from bot.recordings.chapters import as_webvtt, as_youtube, spoken_place
from bot.recordings.chapters import of_recording as chapters_of
from bot.recordings.consents import CONSENT, MOST_DAYS, Consents
from bot.recordings.counted import Reading, read_clocks
from bot.recordings.errors import (
    FileMissing,
    LinkExpired,
    LinkForged,
    LinkRefused,
    LinkRevoked,
    NoRecording,
    RecordingGone,
)
from bot.recordings.files import MEDIA_TYPES, RecordingFiles
from bot.recordings.forgetting import (
    forget_in_recordings,
    forget_recorders_before,
    recordings_of_person,
)
from bot.recordings.keeping import REQUEST, Keeping
from bot.recordings.links import KEY_FILE, Signer, load_signer
from bot.recordings.model import (
    Chapter,
    Consent,
    GoneWhy,
    HostFile,
    Recording,
    Request,
    Served,
    Source,
)
from bot.recordings.moments import parse_moment, parse_shift
from bot.recordings.retention import Retention
from bot.recordings.service import LINK_LIFE, POST, NewRecording, RecordingService, Upload
from bot.recordings.store import of_session as recordings_of_session

__all__ = [
    "CONSENT",
    "KEY_FILE",
    "LINK_LIFE",
    "MEDIA_TYPES",
    "MOST_DAYS",
    "POST",
    "REQUEST",
    "Chapter",
    "Consent",
    "Consents",
    "FileMissing",
    "GoneWhy",
    "HostFile",
    "Keeping",
    "LinkExpired",
    "LinkForged",
    "LinkRefused",
    "LinkRevoked",
    "NewRecording",
    "NoRecording",
    "Reading",
    "Recording",
    "RecordingFiles",
    "RecordingGone",
    "RecordingService",
    "Request",
    "Retention",
    "Served",
    "Signer",
    "Source",
    "Upload",
    "as_webvtt",
    "as_youtube",
    "chapters_of",
    "events",
    "forget_in_recordings",
    "forget_recorders_before",
    "load_signer",
    "parse_moment",
    "parse_shift",
    "read_clocks",
    "recordings_of_person",
    "recordings_of_session",
    "spoken_place",
]
