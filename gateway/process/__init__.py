"""The life of the process: start, sockets, connections, logs, reload, restart in place, stop."""
