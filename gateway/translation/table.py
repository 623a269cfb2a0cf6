"""One table says which Segment field is which Mixpanel property; both directions read it.

The rows are those of Segment's own Mixpanel destination (segmentio/action-destinations,
`destinations/mixpanel`), so that reports built on it keep working, and what Mixpanel's SDKs send
beside. docs/mapping.md prints them.
"""

from __future__ import annotations

from gateway.translation.fields import ADDRESS, INSERT_ID, LIBRARY, TEXT, TIME, Field, Table

EVENT = Table(
    Field(("messageId",), ("$insert_id",), form=INSERT_ID),
    Field(("timestamp",), ("time",), form=TIME),
    Field(("context", "ip"), ("ip",), form=ADDRESS),
    Field(("context", "app", "name"), ("$app_name",)),
    Field(("context", "app", "namespace"), ("$app_namespace",)),
    Field(("context", "app", "build"), ("$app_build_number",)),
    Field(("context", "app", "version"), ("$app_version_string",)),
    Field(("context", "app", "platform"), ("app_platform",)),
    Field(("context", "os", "name"), ("$os",)),
    Field(("context", "os", "version"), ("$os_version",)),
    Field(("context", "userAgentData", "mobile"), ("$mobile",)),
    Field(("context", "userAgentData", "platform"), ("$platform",)),
    Field(("context", "userAgentData", "bitness"), ("$bitness",)),
    Field(("context", "userAgentData", "platformVersion"), ("$platformVersion",)),
    Field(("context", "userAgentData", "uaFullVersion"), ("$uaFullVersion",)),
    Field(("context", "userAgentData", "wow64"), ("$wow64",)),
    Field(("context", "device", "name"), ("$device", "$device_name")),
    Field(("context", "device", "type"), ("$device_type",)),
    Field(("context", "device", "manufacturer"), ("$manufacturer",)),
    Field(("context", "device", "model"), ("$model",)),
    Field(("context", "device", "advertisingId"), ("advertising_id", "$ios_ifa")),
    Field(("context", "device", "idfa"), ("$ios_ifa",)),
    Field(("context", "device", "adTrackingEnabled"), ("ad_tracking_enabled",), form=TEXT),
    Field(("context", "network", "bluetooth"), ("$bluetooth_enabled",)),
    Field(("context", "network", "carrier"), ("$carrier",)),
    Field(("context", "network", "cellular"), ("$cellular_enabled",)),
    Field(("context", "network", "wifi"), ("$wifi_enabled",), also=("$wifi",)),
    Field(("context", "location", "country"), ("mp_country_code",)),
    Field(("context", "location", "region"), (), also=("$region",)),
    Field(("context", "location", "city"), (), also=("$city",)),
    Field(("context", "locale"), ("$locale",)),
    Field(("context", "timezone"), ("timezone",)),
    Field(("context", "library", "name"), ("mp_lib",), form=LIBRARY),
    Field(("context", "library", "version"), ("$lib_version",)),
    Field(("context", "page", "url"), ("$current_url",)),
    Field(("context", "page", "referrer"), ("$referrer",)),
    Field(("context", "screen", "width"), ("$screen_width",)),
    Field(("context", "screen", "height"), ("$screen_height",)),
    Field(("context", "screen", "density"), ("$screen_density",)),
    Field(("context", "campaign", "source"), ("utm_source",)),
    Field(("context", "campaign", "medium"), ("utm_medium",)),
    Field(("context", "campaign", "name"), ("utm_campaign",)),
    Field(("context", "campaign", "term"), ("utm_term",)),
    Field(("context", "campaign", "content"), ("utm_content",)),
)
"""What an event holds beside its own properties."""

PAGE_VIEW = "$mp_web_page_view"
"""Mixpanel's own page view; the one name of a page event that can be read back."""

PAGE = Table(
    Field(("properties", "url"), ("$current_url",)),
    Field(("properties", "path"), ("current_url_path",)),
    Field(("properties", "search"), ("current_url_search",)),
    Field(("properties", "title"), ("current_page_title",)),
    Field(("properties", "referrer"), ("$referrer",)),
)
"""What a page's properties are called in a `$mp_web_page_view`."""

TRAITS = Table(
    Field(("email",), ("$email",)),
    Field(("firstName",), ("$first_name",)),
    Field(("lastName",), ("$last_name",)),
    Field(("name",), ("$name",)),
    Field(("username",), ("$username",)),
    Field(("phone",), ("$phone",)),
    Field(("createdAt",), ("$created",)),
    Field(("created",), ("$created",)),
    Field(("created_at",), ("$created",)),
    Field(("avatar",), (), also=("$avatar",)),
)
"""Traits of a user with a place of their own in a profile; all others keep their names."""

GROUP_TRAITS = Table(
    Field(("name",), ("$name",)),
    Field(("createdAt",), ("$created",)),
    Field(("created",), ("$created",)),
    Field(("created_at",), ("$created",)),
)

RESERVED = frozenset(
    {"time", "id", "$anon_id", "distinct_id", "$group_id", "$insert_id", "$user_id", "token"}
)
"""Properties of a Segment event that cannot override what the table gives; `token` would choose
another project."""

ORDER_ONLY = frozenset(
    {
        "affiliation",
        "subtotal",
        "total",
        "revenue",
        "shipping",
        "tax",
        "discount",
        "coupon",
        "currency",
        "order_number",
        "products",
    }
)
"""What `Product Purchased` does not take over from its order."""

INTERNAL = frozenset(
    {
        "token",
        "distinct_id",
        "$insert_id",
        "time",
        "$user_id",
        "$device_id",
        "$import",
        "mp_processing_time_ms",
        "mp_sent_by_lib_version",
        "$had_persisted_distinct_id",
        "$distinct_id_before_identity",
    }
)
"""Properties of a Mixpanel event that say nothing in Segment, or have been read already."""

OURS = frozenset(
    {"id", "$anon_id", "$identified_id", "$source", "segment_source_name", "event_original_name"}
)
"""What this gateway and Segment add on the way to Mixpanel, and nobody needs on the way back."""
