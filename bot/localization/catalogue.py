"""Message catalogues: gettext's rules over Babel's reader.

English is the message id itself; Japanese stands in `ja.po`. The file is read as it is,
so there is no compile step that could be forgotten.
"""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages import mofile, pofile

from bot.errors import Term

LOCALES = ("en", "ja")


class Words:
    """One language's words: call it with a message id, get the sentence."""

    def __init__(self, locale: str, translations: gettext.NullTranslations) -> None:
        self.locale = locale
        self._translations = translations

    def __call__(self, message: str, /, **params: object) -> str:
        """Translate `message` and fill in `params`."""
        sentence = self._translations.gettext(message)
        return sentence.format(**self._filled(params)) if params else sentence

    def plural(self, one: str, many: str, n: int, /, **params: object) -> str:
        """Translate by number; `{n}` is `n`."""
        sentence = self._translations.ngettext(one, many, n)
        return sentence.format(n=n, **self._filled(params))

    def knows(self, message: str) -> bool:
        """Say whether the catalogue has an entry of its own for `message`."""
        return self.locale == "en" or self._translations.gettext(message) != message

    def _filled(self, params: dict[str, object]) -> dict[str, object]:
        # A parameter that is itself a message id (bot.errors.Term) speaks this language too.
        return {
            name: self._translations.gettext(value) if isinstance(value, Term) else value
            for name, value in params.items()
        }

    def __repr__(self) -> str:
        return f"Words({self.locale!r})"


def locale_of(tag: object) -> str:
    """Map a language tag ("ja", "en-GB", None, Discord's enum) to one of `LOCALES`."""
    return "ja" if str(tag).lower().startswith("ja") else "en"


@cache
def words(locale: str) -> Words:
    """Return the words of `locale`, English where there is no catalogue."""
    if locale_of(locale) != "ja":
        return Words("en", gettext.NullTranslations())
    with Path(__file__).with_name("ja.po").open("rb") as file:
        catalogue = pofile.read_po(file, locale="ja")
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return Words("ja", gettext.GNUTranslations(compiled))
