"""Names of instances: checked as people type them, or made up where they type none."""

import random
import re
from collections.abc import Collection

from bot.lab.errors import BadName
from bot.lab.inputs import normalised

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_TRIES = 20

# Short, pleasant, and easy to say and to tell apart aloud, for speakers of Japanese too: no two
# that differ only in l and r, b and v, s and th, and no pair that has a second meaning.
_MOODS = """
    amber better bold bright busy calm candid cheery cloudy cosy cute deep eager early easy even
    fair famous fancy fast fine fond fresh friendly full funny gentle glad golden good grand
    green handy happy honest humble icy jolly keen kind lively long lucky magic merry mighty
    mild minty misty modest neat nice nimble noble open orange patient pink polite proud purple
    quick quiet rainy ready rich rosy round royal safe sandy shiny silent silky silver simple
    sleepy smart smooth snowy snug soft solid speedy spicy starry steady sunny super sweet tall
    tidy tiny upbeat warm wavy windy wise witty young zesty
"""
MOODS = tuple(_MOODS.split())
_THINGS = """
    acorn basil beach bean bear beetle bell berry boat bonsai breeze bridge cactus camel candle
    canoe castle cat cloud clover comet cookie coral cotton crab creek daisy deer dolphin duck
    eagle fern finch flower forest fox garden ginger goat goose grape guitar hamster harbor
    hedgehog heron hill honey island ivy jasmine kettle kiwi koala lake lantern lemon lemur lily
    lion mango maple meadow mint moon moss muffin music oak oasis ocean olive onion orchid otter
    owl panda paper parrot pebble pelican penguin pepper piano pine planet pony popcorn potato
    pumpkin puppy rabbit rain ribbon river robin rocket rose salmon seal sky snail snow spark
    squirrel star stone stream sun swan tea tiger tomato tulip turtle valley violin waffle
    walnut whale willow wind zebra
"""
THINGS = tuple(_THINGS.split())


def check_name(text: str) -> str:
    """Return a name as it is kept: half width, small letters.

    Raises:
        BadName: it isn't 1 to 32 letters, digits and hyphens that begin with a letter.
    """
    name = normalised(text).lower()
    if not _NAME.fullmatch(name):
        raise BadName
    return name


def friendly_name(taken: Collection[str], rng: random.Random) -> str:
    """Make up a name like "calm-heron" that isn't among `taken`."""
    name = ""
    for _ in range(_TRIES):
        name = f"{rng.choice(MOODS)}-{rng.choice(THINGS)}"
        if name not in taken:
            return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
