"""Japanese and English words. Knows nothing of Discord: exports and pictures need it too."""

from bot.localization.catalogue import LOCALES, Words, locale_of, words

__all__ = ["LOCALES", "Words", "locale_of", "words"]
