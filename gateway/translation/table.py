"""One table says which Segment field is which Mixpanel property; both directions read it.

The rows are those of Segment's own Mixpanel destination (segmentio/action-destinations,
`destinations/mixpanel`), so that reports built on it keep working, and what Mixpanel's SDKs send
beside. docs/mapping.md prints them.
"""

from __future__ import annotations

from gateway.translation import coerce
from gateway.translation.fields import (
    ADDRESS,
    INSERT_ID,
    LIBRARY,
    NUMBER,
    TEXT,
    TIME,
    TRUTH,
    TRUTH_AS_TEXT,
    Field,
    Table,
)

EVENT = Table(
    Field(("messageId",), ("$insert_id",), form=INSERT_ID),
    Field(("timestamp",), ("time",), form=TIME),
    Field(("context", "ip"), ("ip",), form=ADDRESS),
    Field(("context", "app", "name"), ("$app_name",), form=TEXT),
    Field(("context", "app", "namespace"), ("$app_namespace",), form=TEXT),
    Field(("context", "app", "build"), ("$app_build_number",), form=TEXT),
    Field(("context", "app", "version"), ("$app_version_string",), form=TEXT),
    Field(("context", "app", "platform"), ("app_platform",), form=TEXT),
    Field(("context", "os", "name"), ("$os",), form=TEXT),
    Field(("context", "os", "version"), ("$os_version",), form=TEXT),
    Field(("context", "userAgentData", "mobile"), ("$mobile",), form=TRUTH),
    Field(("context", "userAgentData", "platform"), ("$platform",), form=TEXT),
    Field(("context", "userAgentData", "bitness"), ("$bitness",), form=TEXT),
    Field(("context", "userAgentData", "platformVersion"), ("$platformVersion",), form=TEXT),
    Field(("context", "userAgentData", "uaFullVersion"), ("$uaFullVersion",), form=TEXT),
    Field(("context", "userAgentData", "wow64"), ("$wow64",), form=TRUTH),
    Field(("context", "device", "name"), ("$device", "$device_name"), form=TEXT),
    Field(("context", "device", "type"), ("$device_type",), form=TEXT),
    Field(("context", "device", "manufacturer"), ("$manufacturer",), form=TEXT),
    Field(("context", "device", "model"), ("$model",), form=TEXT),
    Field(("context", "device", "advertisingId"), ("advertising_id", "$ios_ifa"), form=TEXT),
    Field(("context", "device", "idfa"), ("$ios_ifa",), form=TEXT),
    Field(("context", "device", "adTrackingEnabled"), ("ad_tracking_enabled",), form=TRUTH_AS_TEXT),
    Field(("context", "network", "bluetooth"), ("$bluetooth_enabled",), form=TRUTH),
    Field(("context", "network", "carrier"), ("$carrier",), form=TEXT),
    Field(("context", "network", "cellular"), ("$cellular_enabled",), form=TRUTH),
    Field(("context", "network", "wifi"), ("$wifi_enabled",), also=("$wifi",), form=TRUTH),
    Field(("context", "location", "country"), ("mp_country_code",), form=TEXT),
    Field(("context", "location", "region"), (), also=("$region",)),
    Field(("context", "location", "city"), (), also=("$city",)),
    Field(("context", "locale"), ("$locale",), form=TEXT),
    Field(("context", "timezone"), ("timezone",), form=TEXT),
    Field(("context", "library", "name"), ("mp_lib",), form=LIBRARY),
    Field(("context", "library", "version"), ("$lib_version",), form=TEXT),
    Field(("context", "page", "url"), ("$current_url",), form=TEXT),
    Field(("context", "page", "referrer"), ("$referrer",), form=TEXT),
    Field(("context", "screen", "width"), ("$screen_width",), form=NUMBER),
    Field(("context", "screen", "height"), ("$screen_height",), form=NUMBER),
    Field(("context", "screen", "density"), ("$screen_density",), form=NUMBER),
    Field(("context", "campaign", "source"), ("utm_source",), form=TEXT),
    Field(("context", "campaign", "medium"), ("utm_medium",), form=TEXT),
    Field(("context", "campaign", "name"), ("utm_campaign",), form=TEXT),
    Field(("context", "campaign", "term"), ("utm_term",), form=TEXT),
    Field(("context", "campaign", "content"), ("utm_content",), form=TEXT),
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
    Field(("created",), ("$created",), is_read=False),
    Field(("createdAt",), ("$created",)),
    Field(("created_at",), ("$created",), is_read=False),
    Field(("avatar",), (), also=("$avatar",)),
)
"""Traits of a user with a place of their own in a profile; all others keep their names."""

GROUP_TRAITS = Table(
    Field(("name",), ("$name",)),
    Field(("created",), ("$created",), is_read=False),
    Field(("createdAt",), ("$created",)),
    Field(("created_at",), ("$created",), is_read=False),
)

RESERVED = frozenset(
    {"time", "id", "$anon_id", "distinct_id", "$group_id", "$insert_id", "$user_id", "token"}
)
"""Properties of a Segment event that cannot override what the table gives; `token` would choose
another project."""

PRODUCT = {
    **dict.fromkeys(
        ("product_id", "sku", "category", "name", "brand", "variant", "coupon", "url", "image_url"),
        coerce.text,
    ),
    "price": coerce.number,
    "position": coerce.number,
    "quantity": coerce.integer,
}
"""The types that Segment gives to what it knows of a product. The rest leaves as it came."""

CLICK_IDS = (
    "dclid",
    "fbclid",
    "gclid",
    "ko_click_id",
    "li_fat_id",
    "msclkid",
    "sccid",
    "ttclid",
    "twclid",
    "wbraid",
)
"""What advertisers add to an address; Mixpanel's browser SDK sends them as properties."""

CAMPAIGN = "utm_"
"""Before every other member of `context.campaign`, too."""

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
    {
        "id",
        "$anon_id",
        "$identified_id",
        "$source",
        "segment_source_name",
        "segment_call",
        "event_original_name",
    }
)
"""What this gateway and Segment add on the way to Mixpanel, and nobody needs on the way back."""
