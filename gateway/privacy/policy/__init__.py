"""privacy.yaml and the schemas' annotations → what holds at each place of an event.

Compiled once at load, before any event: a mistake in the policy shows here and nowhere later.
"""
