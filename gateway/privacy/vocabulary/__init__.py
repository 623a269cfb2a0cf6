"""The things of a person are named once: what a key says of its value, in fifteen languages."""

from gateway.privacy.vocabulary.matcher import Said, meaning, said_below_person, said_by, words_of
from gateway.privacy.vocabulary.words import MEANINGS, Meaning

__all__ = ["MEANINGS", "Meaning", "Said", "meaning", "said_below_person", "said_by", "words_of"]
