"""What a message means survives the way from one vendor's protocol to the other's, or stops.

    Segment message ──▶ to_mixpanel ──▶ Mixpanel operations
    Segment message ◀── to_segment  ◀── Mixpanel record

Both directions read the rows of `table`. Pure: no I/O, no clock. What has no counterpart is
filtered with a reason, and is still there for the destinations that understand it.
"""
