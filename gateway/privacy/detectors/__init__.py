"""What can be found in a text: every detector declares all of itself in one place.

A new one is a file in `families` (or one more declaration there), and nothing else: the policy, the
pre-check before every text, the egress guard, the reference and the tests go over the registry.
"""

from gateway.privacy.detectors.context import ADDRESS, PHONE, TELLING, context_of
from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.lookalikes import SHORT, is_benign
from gateway.privacy.detectors.precheck import may_hold, precheck, suspicious
from gateway.privacy.detectors.registry import KINDS, PERSONAL, REGISTRY, SHAPES
from gateway.privacy.detectors.scanner import Scanner

__all__ = [
    "ADDRESS",
    "KINDS",
    "PERSONAL",
    "PHONE",
    "REGISTRY",
    "SHAPES",
    "SHORT",
    "TELLING",
    "Certainty",
    "Detector",
    "Scanner",
    "Span",
    "context_of",
    "is_benign",
    "may_hold",
    "precheck",
    "suspicious",
]
