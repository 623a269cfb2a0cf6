"""A gateway between the apps of a team and its analytics vendors."""

__version__ = "0.2.0"
