"""Cases of `*.test.yaml`: each is decided as the server decides, and compared with what it expects.

Nothing is sent, and nothing of this machine decides: pseudonyms have a key of their own here, the
clock stands still, and orders about the switches do not count.
"""
