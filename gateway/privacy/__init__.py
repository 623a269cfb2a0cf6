"""The policy decides what leaves; whatever it does not let out stays here.

`compile_policy` makes privacy.yaml ready for events, `CompiledPolicy.scrub` makes one event clean.

How rules decide:
- Rules take effect in the order of the file, each on what those above it left. A rule with `path`
  or `key` is about a value and all inside it. A rule with `kind` is about the pieces of a text that
  its detectors find, or about a number. A rule with both needs both.
- `keep` ends it for the value. `strip_query`, `truncate`, `generalize` and `partial` only shorten:
  the rest goes on.
- `default: drop` is two rules more, below all others.
- A rule on keys (`*email*`, or what they mean) leaves alone what can be nothing personal (true,
  false, null, empty text) and the fields without which a message is none (type, messageId …); to
  reach those, name their path without a key. Detectors look into them all the same.
- Text is read for what it is: JSON inside a string, query and form parameters and `"name": value`
  pairs meet the rules on keys; percent-escapes and odd letters are taken off before detectors look.
- Keys are texts, too: one that is itself an address or a number of someone is masked.
- What a rule pseudonymises as a whole value is pseudonymised wherever else it stands in the event.
- A schema's `x-privacy` tightens what the rules say; only `keep:` pointers stand above both.
"""

from gateway.privacy.address import client_address
from gateway.privacy.compiled_policy import CompiledPolicy, Omission, Scrubbed, compile_policy
from gateway.privacy.errors import ScrubError
from gateway.privacy.log_safe_text import pointer, scrubbed_text, shape_of, short_text
from gateway.privacy.pseudonyms import Domain, Pseudonymizer
from gateway.privacy.scrub.taken import HIDDEN
from gateway.privacy.suppression import Suppressed

__all__ = [
    "HIDDEN",
    "CompiledPolicy",
    "Domain",
    "Omission",
    "Pseudonymizer",
    "ScrubError",
    "Scrubbed",
    "Suppressed",
    "client_address",
    "compile_policy",
    "pointer",
    "scrubbed_text",
    "shape_of",
    "short_text",
]
