"""The things of a person are named once: what a key says of its value, in fifteen languages."""

from gateway.privacy.vocabulary.matcher import meaning, words_of
from gateway.privacy.vocabulary.words import Meaning

__all__ = ["Meaning", "meaning", "words_of"]
