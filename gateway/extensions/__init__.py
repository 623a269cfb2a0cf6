"""What only some installations need, each in a package of its own that the core finds by name.

An extension declares all of itself in one `spec.Extension`. The gateway's own are found by their
entry points as anybody's are, and nothing outside an extension's folder knows it.
"""
