"""One file a command; see `gateway.extensions.appsmith` for what they are called."""
