"""What a protocol must say of its messages. Every part is required: half a protocol is none.

A spec is data. It says where things stand in a message; what is done with them, the rooms know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from gateway.event import CleanMessage, CleanText, Message, Protocol, RawMessage

Keys = tuple[str, ...]
"""The way to a member: keys of objects, from the outside in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """One type of a protocol's messages."""

    name_key: str | None
    """The member that names a message of this type; None: its messages have no names."""
    is_planned_by_name: bool
    """Whether a message whose name no schema describes counts as unplanned."""
    example: Message
    """A message as ingest makes it. Tests send it through every stage."""

    def __post_init__(self) -> None:
        if self.is_planned_by_name and self.name_key is None:
            raise ValueError("a type without names cannot be planned by name")
        if self.name_key is not None and not isinstance(self.example.get(self.name_key), str):
            raise ValueError("the example has no name")


Form = Literal["segment", "mixpanel", "own"]
"""The form of messages. Segment's and Mixpanel's are translated into each other; what has a form of
its own has no equivalent there, and goes to destinations that take any message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSpec:
    """What a protocol's messages are made of."""

    protocol: Protocol
    form: Form
    """The form of its messages as ingest makes them. Destinations ask for this and for no name."""
    types: Mapping[str, MessageType]
    """The message types by name."""
    retired_types: frozenset[str]
    """Types that no ingest makes. Earlier versions let a schema name them, so it still may."""
    type_key: str | None
    """The member in which a client says the type; None: its path or the gateway does."""
    message_id: tuple[Keys, ...]
    """Where the id of a message stands: the first that holds anything."""
    identities: tuple[Keys, ...]
    """Where it says whose message it is: the first that holds a text or a number."""
    person_ids: tuple[Keys, ...]
    """Where ids of persons and devices stand; a placeholder there counts as absent. `*`: each of a
    list."""
    group_ids: tuple[Keys, ...]
    """Where ids of groups stand."""
    addresses: tuple[Keys, ...]
    """Where a message carries the address of the person's device."""
    address_goes_to: tuple[Keys, ...]
    """Where the gateway puts the address of a sender: the first whose object is there, else the
    last. Empty: nowhere."""
    library: tuple[Keys, ...]
    """Where it says what sent it: the name of the library, then its version. Empty: nowhere."""
    app_version: tuple[Keys, ...]
    """Where it says which version of the app it is from: the first that holds anything."""
    structural: tuple[str, ...]
    """Path selectors of the fields without which a message is none. A rule touches them only by
    naming their path."""
    indispensable: tuple[str, ...]
    """What stays in an allow-list though no rule names it: of the structural fields those without
    which a message could not be delivered, and nothing that a client fills as it likes."""
    free_form: tuple[Keys, ...]
    """The objects that clients fill with what they like; unplanned properties are looked for there.
    The empty path is the message itself."""
    removable_below: frozenset[str]
    """The members of a message in which the contract may take something out."""
    essential_properties: Keys
    """Properties that an event cannot do without: neither unplanned nor ever left out."""
    named_types: frozenset[str] = field(init=False)
    """The types whose messages have names."""
    types_planned_by_name: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        if not (self.types and self.message_id and self.identities and self.structural):
            raise ValueError(f"{self.protocol}: types, ids, identities or structure are missing")
        if not set(self.address_goes_to) <= set(self.addresses):
            raise ValueError(f"{self.protocol}: an address would go where no address is looked for")
        if not all(path.startswith("/") for path in (*self.structural, *self.indispensable)):
            raise ValueError(f"{self.protocol}: a structural path must begin with `/`")
        named = frozenset(name for name, of in self.types.items() if of.name_key is not None)
        planned = frozenset(name for name, of in self.types.items() if of.is_planned_by_name)
        object.__setattr__(self, "named_types", named)
        object.__setattr__(self, "types_planned_by_name", planned)

    # What stands in a clean message is clean; of a raw one, raw.

    @overload
    def name_of(self, message: CleanMessage, kind: str) -> CleanText | None: ...
    @overload
    def name_of(self, message: RawMessage, kind: str) -> str | None: ...
    def name_of(self, message: Message, kind: str) -> str | None:
        """The name of a message of the type `kind`."""
        of = self.types.get(kind)
        if of is None or of.name_key is None:
            return None
        name = message.get(of.name_key)
        return name if isinstance(name, str) else None

    @overload
    def id_of(self, message: CleanMessage) -> CleanText: ...
    @overload
    def id_of(self, message: RawMessage) -> str: ...
    def id_of(self, message: Message) -> str:
        """Empty where it has none."""
        for path in self.message_id:
            found = message.get(path[0]) if len(path) == 1 else _at(message, path)
            if found:
                return str(found)
        return ""

    @overload
    def user_of(self, message: CleanMessage) -> CleanText: ...
    @overload
    def user_of(self, message: RawMessage) -> str: ...
    def user_of(self, message: Message) -> str:
        """Whose message it is, for order and samples; a message of nobody stands for itself."""
        for path in self.identities:
            found = message.get(path[0]) if len(path) == 1 else _at(message, path)
            if isinstance(found, str | int) and found != "":
                return str(found)
        return self.id_of(message)

    def library_of(self, message: CleanMessage) -> str:
        """`name/version` of what sent a message; the client's own words."""
        found = [text for path in self.library if (text := _text(_at(message, path)))]
        return "/".join(found)

    def app_version_of(self, message: CleanMessage) -> str:
        """The client's own words, too."""
        for path in self.app_version:
            if text := _text(_at(message, path)):
                return text
        return ""

    def address_place(self, message: Message) -> Keys | None:
        """Where the address of the sender goes that the message does not name."""
        for path in self.address_goes_to:
            if path[0] in message:
                return path
        return self.address_goes_to[-1] if self.address_goes_to else None


def _text(found: Any) -> str:
    if type(found) is str:
        return found
    return str(found) if type(found) in (int, float) else ""


def _at(message: Message, path: Keys) -> Any:
    value: Any = message
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
