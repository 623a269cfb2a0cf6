"""Names that the protocols' own specifications give to events and members.

A policy may name any other. These are for telling a misspelt name from a name that is just new.
"""

from __future__ import annotations

from gateway.protocols import PROTOCOLS

_EVENTS = """
Products Searched|Product List Viewed|Product List Filtered|Promotion Viewed|Promotion Clicked
Product Clicked|Product Viewed|Product Added|Product Removed|Cart Viewed|Checkout Started
Checkout Step Viewed|Checkout Step Completed|Payment Info Entered|Order Updated|Order Completed
Order Refunded|Order Cancelled|Coupon Entered|Coupon Applied|Coupon Denied|Coupon Removed
Product Added to Wishlist|Product Removed from Wishlist|Wishlist Product Added to Cart
Product Shared|Cart Shared|Product Reviewed|Account Created|Account Deleted|Signed Up|Signed In
Signed Out|Invite Sent|Account Added User|Account Removed User|Trial Started|Trial Ended
Application Installed|Application Opened|Application Updated|Application Backgrounded
Application Foregrounded|Application Crashed|Application Uninstalled|Install Attributed
Push Notification Received|Push Notification Tapped|Push Notification Bounced|Deep Link Opened
Deep Link Clicked|Email Opened|Email Delivered|Email Link Clicked|Email Bounced|Unsubscribed
Email Marked as Spam|Video Playback Started|Video Playback Paused|Video Playback Resumed
Video Playback Completed|Video Content Started|Video Content Playing|Video Content Completed
Live Chat Conversation Started|Live Chat Message Sent|Live Chat Conversation Ended
$identify|$create_alias|$merge|$mp_web_page_view|$mp_click|$mp_scroll|$mp_page_leave|$mp_rage_click
$ae_first_open|$ae_updated|$ae_session|$ae_crashed|$campaign_received|$campaign_delivery
$experiment_started|$mp_session_record
"""
EVENTS = frozenset(_EVENTS.replace("\n", "|").split("|")) - {""}
"""Names of events, of Segment's specifications and of Mixpanel's own events."""

_ROOTS = """
anonymousId userId groupId previousId messageId type event name category properties traits context
integrations options timestamp originalTimestamp sentAt receivedAt channel version writeKey
_metadata nonInteraction projectId
$token $distinct_id $group_key $group_id $time $ip $ignore_time $ignore_alias $set $set_once $add
$append $union $remove $unset $delete $device_id $user_id $latitude $longitude $city $region
$country_code $mp_metadata
user usageData instanceId viewMode isAnonymousUser anonymousUserId createdAt
"""
_CONTEXT = """
active app campaign channel clientHints consent device direct experiments externalIds groupId
instanceId ip library locale location network os page protocols referrer screen sessionId
sessionStart timezone traits userAgent userAgentData amp_session_id
"""
CONTEXT = frozenset(_CONTEXT.split())
"""Members of `context`."""
_WORDS = """
path search title url referrer tab_url city country latitude longitude region speed id advertisingId
adTrackingEnabled manufacturer model name type version token build namespace source medium term
content bluetooth carrier cellular wifi density height width mobile platform brands address street
postalCode state age avatar birthday company createdAt description email firstName gender lastName
phone website username plan userId user_id distinct_id products product_id sku price quantity brand
variant coupon order_id checkout_id affiliation total revenue subtotal shipping tax discount
currency query link link_type id collection encoding
time ip $ip $os $browser $browser_version $current_url $referrer $referring_domain $city $region
$country_code $latitude $longitude $insert_id mp_lib $lib_version $device $device_id $user_id
$identified_id $anon_id $distinct_id $distinct_ids $email $phone $first_name $last_name $name
$avatar $created $model $manufacturer $screen_height $screen_width alias current_url_search
$initial_referrer $initial_referring_domain
"""
WORDS = frozenset(_WORDS.split())
"""Members at any depth."""


def _roots() -> frozenset[str]:
    found = set(_ROOTS.split())
    for spec in PROTOCOLS.values():
        ways = (*spec.identities, *spec.message_id, *spec.addresses, *spec.free_form)
        found.update(way[0] for way in ways if way)
        found.update(path.split("/")[1] for path in spec.structural)
        for of in spec.types.values():
            found.update(of.example)
    return frozenset(found)


ROOTS = _roots()
"""Members of a message itself."""
