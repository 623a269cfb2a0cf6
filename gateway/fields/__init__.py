"""Which fields events have, and what people decided about them; `gateway fields` shows it.

Decisions of people are durable before they hold. Counts are written now and then: a crash loses the
last seconds of them.
"""

from gateway.fields.review import FieldReview

__all__ = ["FieldReview"]
