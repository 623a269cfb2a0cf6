"""What a person types: one module a command, each a function from its arguments to an exit code."""
