"""A raw message and its plan → a clean message, and an account of every change.

Each value meets the rules once; what was hidden in one place is then hidden in all of the event.
"""
