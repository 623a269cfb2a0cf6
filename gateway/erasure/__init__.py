"""A person is taken out of everything that is kept, and vendors are asked to do the same.

Nothing of the person leaves once an erasure says that it is done, whatever came between.
"""
