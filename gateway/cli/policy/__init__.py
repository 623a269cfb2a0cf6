"""`gateway policy diff`: what another privacy.yaml would change, counted over events.

Names and pointers in the account are clean by every detector, and no value is in it.
"""
