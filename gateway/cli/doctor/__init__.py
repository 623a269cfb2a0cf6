"""`gateway doctor`: what a gateway needs, looked at piece by piece, with what to do about each."""
